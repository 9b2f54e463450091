# SPDX-License-Identifier: MIT
# The top level, src/ and every folder of it have a README.
bad=0
for folder in . deps src src/*/; do
    if ! [ -s "${folder%/}/README.md" ]; then
        echo "${folder%/}/README.md: missing"
        bad=1
    fi
done
exit $bad

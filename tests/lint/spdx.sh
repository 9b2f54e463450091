# SPDX-License-Identifier: MIT
# The first line of every source is the licence; of a script the second, after #!.
find src tests -name '*.[ch]' -o -name '*.sh' | sort | {
    bad=0
    while read -r file; do
        case $file in
        *.sh) head -n 2 "$file" | grep -qx '# SPDX-License-Identifier: MIT' ;;
        *) head -n 1 "$file" | grep -qx '/\* SPDX-License-Identifier: MIT \*/' ;;
        esac || {
            echo "$file:1: the first line is not the SPDX line"
            bad=1
        }
    done
    exit $bad
}

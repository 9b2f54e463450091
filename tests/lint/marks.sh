# SPDX-License-Identifier: MIT
# No marks of unfinished work, no tabs or blanks at line ends in C, no mention of a machine's own paths.
bad=0
self=tests/lint/marks.sh
if grep -rnwE 'TODO|FIXME|HACK' src tests deps Makefile .ci --include='*' | grep -v "^$self:"; then bad=1; fi
if grep -rnE '[[:blank:]]+$' src tests --include='*.[ch]' --include='*.sh'; then
    echo 'blanks at the end of lines'
    bad=1
fi
if grep -rn "$(printf '\t')" src tests --include='*.[ch]'; then
    echo 'tabs in C sources'
    bad=1
fi
exit $bad

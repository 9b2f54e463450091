# SPDX-License-Identifier: MIT
#
# Lengths of functions and files, as a ratchet over tests/lint/function_lengths.txt: a function over 60 lines has to
# stand there and may not grow past what stands there; over 100 lines its row says why. Nine functions of src/ in ten
# are under 30 lines. No file is over 1500 lines.
#   tests/lint/lengths.sh --update    lowers and adds rows (keeps the reasons)
list=tests/lint/function_lengths.txt
mkdir -p build/lint
find src tests -name '*.c' | sort >build/lint/sources.txt
find src tests -name '*.h' | sort >>build/lint/sources.txt
ctags --languages=C --langmap=C:.c.h --kinds-C=f --fields=ne -o - -L build/lint/sources.txt | awk -F '\t' '
    /^!/ { next }
    {
        for (i = 4; i <= NF; i++) {
            if ($i ~ /^line:/) from = substr($i, 6)
            if ($i ~ /^end:/) to = substr($i, 5)
        }
        print to - from + 1, $2 ":" $1
    }' | sort -rn >build/lint/lengths.txt

if [ "${1-}" = --update ]; then
    awk 'NR == FNR { if ($1 !~ /^#/) { n = $1; f = $2; sub(/^[0-9]+ [^ ]+ ?/, ""); why[f] = $0 } else print; next }
         $1 > 60 { print $1, $2 (why[$2] != "" ? " " why[$2] : "") }' $list build/lint/lengths.txt >build/lint/new.txt
    mv build/lint/new.txt $list
    exit 0
fi

bad=0
awk 'NR == FNR { if ($1 !~ /^#/ && NF) { limit[$2] = $1; why[$2] = NF > 2 } ; next }
     {
         seen[$2] = 1
         if ($2 ~ /^src\//) { all++; if ($1 >= 30) long++ }
         if ($1 > 60 && !($2 in limit)) { print $2 ": " $1 " lines, 60 are the limit"; bad = 1 }
         else if ($1 > 60 && $1 > limit[$2]) { print $2 ": grew from " limit[$2] " to " $1 " lines"; bad = 1 }
         if ($1 > 100 && !why[$2]) { print $2 ": " $1 " lines, and no reason in the list"; bad = 1 }
     }
     END {
         for (f in limit) if (!(f in seen)) { print f ": is in the list and no more in the tree"; bad = 1 }
         printf "%d functions in src/, %d of 30 lines or more\n", all, long
         if (all > 0 && long * 10 > all) { print "more than one in ten"; bad = 1 }
         exit bad
     }' $list build/lint/lengths.txt || bad=1
xargs wc -l <build/lint/sources.txt | awk '$2 != "total" && $1 > 1500 { print $2 ": " $1 " lines"; bad = 1 } END { exit bad }' || bad=1
exit $bad

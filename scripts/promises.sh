#!/bin/sh
# Verifies that every promise in SECURITY.md names its tests, and that each test and each path of theirs
# exists. `make check` runs it, so that a test can't be renamed or removed unnoticed.
set -eu
cd "$(dirname "$0")/.."

# Prints `LINE PROOF` for each test and path behind `Tests:`, and `LINE -` for a promise without any.
proofs() {
    awk '
        function end_promise() { if (promise && !proved) print promise, "-"; promise = 0; in_tests = 0 }
        /^## / { in_section = /promises/ }
        !in_section { next }
        /^[0-9]+\. / { end_promise(); promise = FNR; proved = 0 }
        /^$/ { end_promise() }
        promise && sub(/^ *Tests: /, "") { in_tests = 1 }
        in_tests {
            count = split($0, parts, "`")
            for (i = 2; i <= count; i += 2) { print FNR, parts[i]; proved = 1 }
        }
        END { end_promise() }
    ' SECURITY.md
}

found=$(proofs)
missing=0
while read -r line proof; do
    case "$proof" in
        -) problem="this promise names no test" ;;
        */*)
            # shellcheck disable=SC2086 # a pattern stands for several files; one is enough
            set -- $proof
            [ -e "$1" ] && continue
            problem="there is no $proof"
            ;;
        *)
            grep -rqE "fn $proof\(" src tests && continue
            problem="there is no test $proof"
            ;;
    esac
    echo "SECURITY.md:$line: $problem"
    missing=1
done <<END
${found:?SECURITY.md has no promises}
END
exit $missing

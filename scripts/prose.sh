#!/bin/sh
# Finds what CONTRIBUTING's plain English rules out and a search can find. With arguments it looks at those
# files, else at all comments of Rust and YAML files and at the documents.
#
# Prints `FILE:LINE: [RULE] TEXT` for each find and the number of finds a rule; exits 1 if there are any.
# Quoted text (`code`, "words") is not prose, and neither are fenced blocks of Markdown.
set -eu

if [ "$#" -eq 0 ]; then
    cd "$(dirname "$0")/.."
    set -- README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md SECURITY.md RELEASING.md docs/*.md \
        $(find src tests fuzz benches -name target -prune -o -name '*.rs' -print) \
        $(find conf deploy -name '*.yaml')
fi

awk '
    # The prose of the line: a comment without its mark, or all of a Markdown line.
    function prose_of(line, kind) {
        if (kind == "md") {
            if (line ~ /^ *```/) in_fence = !in_fence
            return in_fence ? "" : line
        }
        mark = kind == "rs" ? "//[/!]?" : "#"
        if (!match(line, "(^|[ \t])" mark "([ \t]|$)")) return ""
        return substr(line, RSTART + RLENGTH)
    }
    function find(rule) {
        printf "%s:%d: [%s] %s\n", FILENAME, FNR, rule, $0
        found[rule]++
        total++
    }
    # Whether `text` has the extended regular expression as words of their own.
    function has(words) { return (" " text " ") ~ "[^a-z0-9_-](" words ")[^a-z0-9_-]" }

    BEGIN {
        opening = "(What|How|That|Whoever|Why|So (many|much|long))[ ,]"
        who = "nobody|anybody|whoever|(for|of|to|by) who"
        to_be = "(is|are|was|were) "
        parts = "core|thread|connection|request|route|policy|pattern|listener|layer|label|line|slot|block|lane|element|command"
    }
    FNR == 1 {
        kind = FILENAME
        sub(/.*\./, "", kind)
        in_fence = 0
        was_doc = 0
    }
    {
        text = prose_of($0, kind)
        is_doc = kind == "rs" && $0 ~ /^[ \t]*\/\/[\/!]/
        if (is_doc && !was_doc && text ~ "^" opening) find("opening")
        was_doc = is_doc

        gsub(/`[^`]*`|"[^"]*"/, "X", text)
        text = tolower(text)
        if (has(who)) find("who")
        # "There is no route" is plain; so are "is no longer" and "is no more than".
        gsub("there " to_be "(no|none)", "", text)
        gsub(to_be "no (longer|more|less|fewer|later|earlier)", "", text)
        if (has(to_be "no [a-z].*")) find("is no")
        gsub(to_be "none of", "", text)
        if (has(to_be "none")) find("is none")
        if (has("(one|copy|thread|timer|allocation|look-ups?|bytes?|file|type|handles?) an? (" parts ")")) find("one a core")
    }
    END {
        if (!total) exit 0
        printf "prose:"
        for (rule in found) printf " %d × %s;", found[rule], rule
        printf " %d in all, see Plain English in CONTRIBUTING.md\n", total
        exit 1
    }
' "$@"

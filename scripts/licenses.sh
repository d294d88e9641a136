#!/bin/sh
# Prints the licenses of the crates that are linked into the program: a list of the crates, then each text once, with the
# crates that have it. Their terms ask for these texts beside a program that is handed on. Needs the crates' sources,
# which a build has fetched.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# NAME VERSION|LICENSE for each crate, without those that only run at build time.
cargo tree --locked --edges normal,no-proc-macro --prefix none --no-dedupe --format '{p}|{l}' |
    sed -E 's/^([^ ]+) v([^ |]+)[^|]*/\1 \2/' | grep -v '^corsgate ' | sort -u >"$folder/crates"

mkdir "$folder/texts"
while IFS='|' read -r crate license; do
    name=${crate% *}
    version=${crate#* }
    # Of the registries that cargo has fetched from, one has the crate.
    source=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -mindepth 2 -maxdepth 2 -name "$name-$version" | head -n 1)
    if [ -z "$source" ]; then
        echo "error: the source of $crate is not there; run \`cargo fetch --locked\` first" >&2
        exit 1
    fi
    # C libraries that crates bring have theirs in their own folders.
    find "$source" -maxdepth 4 -type f \
        \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' -o -iname 'copyright*' \) \
        ! -iname '*.rs' ! -iname '*.h' ! -iname '*.toml' ! -iname '*.py' ! -iname '*.sh' |
        sort >"$folder/files"
    if [ ! -s "$folder/files" ]; then
        # Crates of one repository often have none of their own; the license's name is in the list.
        echo "$crate|$license" >>"$folder/without"
    fi
    while read -r file; do
        # The same text in other line breaks is the same text.
        hash=$(tr -s '[:space:]' ' ' <"$file" | sha256sum | cut -c1-32)
        [ -e "$folder/texts/$hash" ] || tr -d '\r' <"$file" >"$folder/texts/$hash"
        echo "$hash $crate" >>"$folder/uses"
    done <"$folder/files"
done <"$folder/crates"

rule='--------------------------------------------------------------------------------'
echo "corsgate is licensed under Apache-2.0: see LICENSE. It is linked from these crates:"
echo
sed 's/|/: /; s/^/  /' "$folder/crates"
if [ -s "$folder/without" ]; then
    echo
    echo "Their license files are below, except for those of these crates, which bring no file:"
    echo
    sed 's/|/: /; s/^/  /' "$folder/without"
fi
sort -u "$folder/uses" | awk '
    { hash = $1; crate = $2 " " $3; if (!(hash in crates)) order[++count] = hash
      crates[hash] = crates[hash] (hash in crates && crates[hash] != "" ? ", " : "") crate }
    END { for (i = 1; i <= count; i++) print crates[order[i]] "|" order[i] }' | sort >"$folder/order"
while IFS='|' read -r crates hash; do
    printf '\n%s\n%s\n\n' "$rule" "$crates" | fold -s -w 100
    cat "$folder/texts/$hash"
done <"$folder/order"

#!/bin/sh
# Makes the files of a release, in target/release-files: the tarball, the Debian package, the bill of materials, and
# their checksums. Some ten minutes on two cores.
#
#   scripts/release.sh                  from a clean tree
#   scripts/release.sh --allow-dirty    to try it out
#
# It needs git, GNU tar, and for the package dpkg-dev (Debian's name), and installs cargo-deb and cargo-cyclonedx below
# target/. One commit gives the same bytes in any folder, with the same compilers: no time, owner, order or path of this
# machine gets into a file. To compare two builds, compare their SHA256SUMS.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
cargo_home=${CARGO_HOME:-$HOME/.cargo}
files=$root/target/release-files
stage=$root/target/release-stage
tools=$root/target/tools
# The package's assets, where Cargo.toml looks for them.
assets=$root/target/package-files

fail() {
    echo "error: $1" >&2
    exit 1
}

case "${1:-}" in
    "") [ -z "$(git status --porcelain)" ] || fail "the tree has changes that are not committed (see \`git status\`)" ;;
    --allow-dirty) ;;
    *) fail "unknown argument $1; the one that there is: --allow-dirty" ;;
esac
for program in git tar gzip sha256sum dpkg-deb dpkg-shlibdeps; do
    command -v "$program" >/dev/null || fail "$program is not there; please install it (dpkg-shlibdeps is in dpkg-dev)"
done
sh scripts/deps.sh

# --- The same bytes everywhere ---

umask 022
export LC_ALL=C TZ=UTC
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
unit_separator=$(printf '\037')
unset RUSTFLAGS
export CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$root=.${unit_separator}--remap-path-prefix=$cargo_home=cargo"
export CFLAGS="-ffile-prefix-map=$root=. -ffile-prefix-map=$cargo_home=cargo"
export CXXFLAGS="$CFLAGS"
# Not in Cargo.toml, so that `make build` keeps the names of functions in backtraces.
export CARGO_PROFILE_RELEASE_STRIP=symbols
# Apart from `make build`, whose objects have other flags.
export CARGO_TARGET_DIR="$root/target/release-build"

# --- Tools ---

# Installs a tool of the version that the files are made with, unless it is there.
tool() {
    if ! "$tools/bin/$1" "$3" --version 2>/dev/null | grep -qF "$2"; then
        # The flags above are the program's.
        env -u CARGO_ENCODED_RUSTFLAGS -u CFLAGS -u CXXFLAGS CARGO_TARGET_DIR="$root/target/tools/build" \
            cargo install --quiet --locked --root "$tools" --version "$2" "$1"
    fi
}
tool cargo-deb 3.8.0 deb
tool cargo-cyclonedx 0.5.9 cyclonedx
PATH="$tools/bin:$PATH"

# --- The program ---

cargo build --locked --release --bin corsgate
program=$CARGO_TARGET_DIR/release/corsgate
version=$(cargo pkgid | sed 's/.*[#@]//')
target=$(rustc --version --verbose | sed -n 's/^host: //p')
[ "$("$program" --version)" = "corsgate $version" ] || fail "$program is not version $version"
# A path of this machine would differ elsewhere.
for path in "$root" "$cargo_home"; do
    if grep -qF "$path" "$program"; then
        fail "$program has $path in it, so that other machines would build other bytes"
    fi
done

# --- What goes with it ---

rm -rf "$assets" "$stage" "$files"
mkdir -p "$assets/completions" "$files"
"$program" man "$assets/man"
"$program" completions bash >"$assets/completions/corsgate.bash"
"$program" completions zsh >"$assets/completions/_corsgate"
"$program" completions fish >"$assets/completions/corsgate.fish"
sh scripts/licenses.sh >"$assets/THIRD-PARTY-LICENSES"
gzip --no-name --best --keep "$assets/THIRD-PARTY-LICENSES"
# Debian has a form of its own; CHANGELOG.md goes along as changelog.gz.
cat >"$assets/changelog" <<END
corsgate ($version-1) unstable; urgency=medium

  * Version $version: see changelog.gz beside this file.

 -- corsgate maintainers <maintainers@corsgate.example>  $(date --date="@$SOURCE_DATE_EPOCH" --rfc-email)
END
"$program" check --strict deploy/debian/corsgate.yaml
sh scripts/systemd.sh

# --- The tarball ---

name=corsgate-$version-$target
mkdir -p "$stage/$name"
install "$program" "$stage/$name/corsgate"
cp -r "$assets/man" "$assets/completions" "$assets/THIRD-PARTY-LICENSES" "$stage/$name/"
# Tracked files only.
git ls-files -z -- README.md CHANGELOG.md SECURITY.md LICENSE conf deploy docs |
    xargs -0 cp --parents --target-directory="$stage/$name"
tar --directory="$stage" --create --format=gnu --sort=name --mtime="@$SOURCE_DATE_EPOCH" \
    --owner=0 --group=0 --numeric-owner --mode='u=rwX,go=rX' "$name" |
    gzip --no-name --best >"$files/$name.tar.gz"

# --- The package ---

cargo deb --locked --no-build --no-strip --output "$files/" >/dev/null

# --- The bill of materials ---

# The tool writes beside Cargo.toml, and nowhere else.
trap 'rm -f "$root/release-sbom.json"' EXIT
cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$target" --override-filename release-sbom
# The references in it have the folder's path.
sed "s|path+file://$root#|path+file:///corsgate#|g" release-sbom.json >"$files/$name.cdx.json"
if grep -qF "$root" "$files/$name.cdx.json"; then fail "$name.cdx.json has $root in it"; fi

sums=$(cd "$files" && sha256sum -- *)
echo "$sums" >"$files/SHA256SUMS"
ls -l "$files"

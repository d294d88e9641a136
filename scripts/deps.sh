#!/bin/sh
# Makes sure that the programs are there that the build needs beside Rust. Installs them with apt
# where that is possible, and else says what to install.
set -eu

missing=""
command -v cmake >/dev/null 2>&1 || missing="$missing cmake"
command -v cc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
[ -z "$missing" ] && exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root="sudo"
    else
        as_root="none"
    fi
fi
if ! command -v apt-get >/dev/null 2>&1 || [ "$as_root" = none ]; then
    echo "error: the build needs these programs, please install them:$missing" >&2
    exit 1
fi
echo "installing with apt:$missing"
$as_root apt-get update --quiet=2
# shellcheck disable=SC2086 # one word a package
DEBIAN_FRONTEND=noninteractive $as_root apt-get install --yes --quiet=2 --no-install-recommends $missing >/dev/null

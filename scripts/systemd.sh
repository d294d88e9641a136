#!/bin/sh
# Checks deploy/systemd/corsgate.service: that systemd understands every line, and that the sandbox leaves the exposure
# that `systemd-analyze security` computes at 2.0 of 10 or lower. `scripts/package.sh` starts the service for real.
set -eu
cd "$(dirname "$0")/.."
unit=deploy/systemd/corsgate.service
highest=20 # tenths

if ! command -v systemd-analyze >/dev/null 2>&1; then
    echo "$unit: not checked, because systemd-analyze isn't there (Debian's package is systemd)"
    exit 0
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# A copy that names a program of this machine, because `verify` looks for it.
sed 's|/usr/bin/corsgate\b|/bin/true|' "$unit" >"$folder/corsgate.service"
status=0
systemd-analyze verify --man=no "$folder/corsgate.service" >"$folder/verify" 2>&1 || status=$?
# Other units of the machine are loaded too; only complaints about this one count.
if [ "$status" -ne 0 ] || grep -q corsgate "$folder/verify"; then
    echo "$unit: systemd-analyze verify complains:" >&2
    sed "s|$folder/corsgate.service|$unit|" "$folder/verify" >&2
    exit 1
fi

if ! systemd-analyze security --offline=true --threshold="$highest" "$unit" >"$folder/security" 2>&1; then
    echo "$unit: the exposure is above $((highest / 10)).$((highest % 10)), or can't be computed:" >&2
    grep -E '^✗|→' "$folder/security" >&2 || cat "$folder/security" >&2
    exit 1
fi
sed -n "s|^→ Overall exposure level for corsgate.service: \([0-9.]*\).*|$unit: understood, exposure \1|p" "$folder/security"

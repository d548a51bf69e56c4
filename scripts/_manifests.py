"""What ``scripts/manifests`` checks; see there."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy" / "helm" / "fastgw"
PLAIN = ROOT / "deploy" / "kubernetes"
ARGO = ROOT / "deploy" / "argocd" / "application.yaml"
WRITTEN: Final = "# Written by scripts/manifests --write from deploy/helm/fastgw.\n"
RELEASES: Final = ("1.27", "1.34")  #: of Kubernetes: the oldest that the chart says it needs, and a new one

#: Values that reach what the defaults leave out.
VARIANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "defaults": {},
    "fixed": {"autoscaling": {"enabled": False}, "networkPolicy": {"enabled": False}, "replicas": 3},
    "placed": {
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "edge", "operator": "Exists"}],
        "podAnnotations": {"team": "edge"},
        "service": {"type": "LoadBalancer", "port": 443},
        "podDisruptionBudget": {"maxUnavailable": "25%"},
    },
    "watched": {
        "rollOnChange": False,
        "volumes": [{"name": "edge", "secret": {"secretName": "edge-tls"}}],
        "volumeMounts": [{"name": "edge", "mountPath": "/tls", "readOnly": True}],
    },
    "discovering": {"discovery": {"namespaces": ["shop", "search"]}},
}
#: The template of what a gateway needs that asks Kubernetes for members, for one namespace.
ROLE: Final = ("role.yaml", {"discovery": {"namespaces": ["default"]}})
#: Values that the chart must refuse.
REFUSED: Final[Sequence[Mapping[str, Any]]] = (
    {"replicas": 0},
    {"discovery": {"namespaces": ""}},
    {"image": {"repository": ""}},
    {"replica": 3},
)


def hadolint() -> Iterator[str]:
    done = subprocess.run(
        [Path(sys.executable).parent / "hadolint", "--no-color", "Dockerfile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    yield from done.stdout.splitlines()
    if done.returncode and not done.stdout:
        yield f"hadolint: {done.stderr}"


def rendered(values: Mapping[str, Any]) -> dict[str, str]:
    """The documents of the chart by the names of their templates; not what is told to the one who installs it."""
    import helm_python

    with helm_python.Chart.load(CHART) as chart:
        files = chart.render(dict(values), name="fastgw", namespace="fastgw")
    return {Path(name).name: text for name, text in files.items() if not name.endswith(".txt") and text.strip()}


def chart() -> Iterator[str]:
    import helm_python

    report = helm_python.lint(CHART, strict=True)
    yield from (f"helm lint: {one['path']}: {one['error']}" for one in report["messages"])
    yield from (f"helm lint: {one}" for one in report["errors"])
    for title, values in VARIANTS.items():
        for name, text in rendered(values).items():
            yield from (f"chart, {title}: {name}: {said}" for said in objects(text))
    for refused in REFUSED:
        try:
            rendered(refused)
        except helm_python.HelmError:
            continue
        yield f"the chart takes {refused}"


def objects(text: str) -> Iterator[str]:
    """What the schemas of Kubernetes have against the objects in ``text``."""
    import kubernetes_validate
    import yaml

    for document in yaml.safe_load_all(text):
        for release in RELEASES:
            try:
                kubernetes_validate.validate(document, release, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{document.get('kind')}, Kubernetes {release}: {error.message}"


def plain(*, write: bool) -> Iterator[str]:
    """deploy/kubernetes is the chart with its defaults, which kustomization.yaml names all, and the role for discovery beside it."""
    import yaml

    files = {name: WRITTEN + text.strip() + "\n" for name, text in rendered({}).items()}
    role, (name, values) = PLAIN / "discovery" / ROLE[0], ROLE
    right = WRITTEN + rendered(values)[name].strip() + "\n"
    if write:
        role.write_text(right)
        for name, text in files.items():
            (PLAIN / name).write_text(text)
    if role.read_text() != right:
        yield f"{role.relative_to(ROOT)} is not what the chart makes: scripts/manifests --write"
    found = {path.name: path.read_text() for path in PLAIN.glob("*.yaml") if path.name != "kustomization.yaml"}
    for name in sorted(found.keys() | files.keys()):
        if found.get(name) != files.get(name):
            yield f"deploy/kubernetes/{name} is not what the chart makes: scripts/manifests --write"
    named = yaml.safe_load((PLAIN / "kustomization.yaml").read_text())["resources"]
    if sorted(named) != sorted(found):
        yield f"kustomization.yaml names {named}, and there are {sorted(found)}"


def argo() -> Iterator[str]:
    """The application deploys our chart, with values that the chart takes.  Its own kind has no schema here."""
    import yaml

    application = yaml.safe_load(ARGO.read_text())
    source = application["spec"]["source"]
    if (application["apiVersion"], application["kind"]) != ("argoproj.io/v1alpha1", "Application"):
        yield "deploy/argocd: is no Application"
    if ROOT / source["path"] != CHART:
        yield f"deploy/argocd: {source['path']} is not the chart"
    for name, text in rendered(source["helm"]["valuesObject"]).items():
        yield from (f"deploy/argocd: {name}: {said}" for said in objects(text))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/manifests")
    parser.add_argument("--write", action="store_true", help="write deploy/kubernetes from the chart")
    given = parser.parse_args(arguments)
    found = [*hadolint(), *chart(), *plain(write=given.write), *argo()]
    for line in found:
        print(line)
    print(
        f"Dockerfile, chart ({len(VARIANTS)} sets of values), deploy/kubernetes, deploy/argocd: {len(found) or 'nothing'} found"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

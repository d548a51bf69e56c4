"""deploy/kubernetes and Dockerfile: what the schemas of scripts/manifests cannot know of fastgw."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from fastgw.config.load import inspect, load
from tests.support.gateway import ROOT

PLAIN = ROOT / "deploy" / "kubernetes"
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def manifest(kind: str) -> Any:
    return yaml.safe_load((PLAIN / f"{kind}.yaml").read_text())


@pytest.fixture
def gateway_yaml(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(manifest("configmap")["data"]["gateway.yaml"])
    return path


def test_the_configuration_is_right(gateway_yaml: Path) -> None:
    """The only warning is of the admin address: the NetworkPolicy says who reaches it."""
    found = inspect(gateway_yaml, {}, 0.0)
    assert found.problems == []
    assert all("admin" in str(one) or "0.0.0.0:9901" in str(one) for one in found.warnings), found.warnings


def test_ports_probes_and_times_are_those_of_the_configuration(gateway_yaml: Path) -> None:
    spec = load(gateway_yaml, {})
    pod = manifest("deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert spec.admin is not None
    assert ports == {"http": spec.listeners[0].bind.address.port, "admin": spec.admin.address.port}
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {name: (one["path"], one["port"]) for name, one in probes.items()} == {
        "startup": ("/readyz", "admin"),
        "readiness": ("/readyz", "admin"),
        "liveness": ("/livez", "admin"),
    }
    waited = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > waited + spec.shutdown.grace
    assert spec.workers == int(container["resources"]["requests"]["cpu"])
    assert manifest("service")["spec"]["ports"][0]["targetPort"] == "http"


def test_the_metric_of_the_autoscaler_is_one_of_ours() -> None:
    (metric,) = manifest("horizontalpodautoscaler")["spec"]["metrics"]
    assert f"| `{metric['pods']['metric']['name']}` | gauge |" in "".join(
        path.read_text() for path in (ROOT / "docs").glob("*.md")
    )


def test_the_pod_is_restricted() -> None:
    """The profile `restricted` of the standards for pods, and no way to the cluster."""
    pod = manifest("deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"] == {
        "type": "RuntimeDefault"
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert manifest("serviceaccount")["automountServiceAccountToken"] is False
    user = re.findall(r"(?m)^USER (\d+):(\d+)$", DOCKERFILE)
    assert user == [(str(pod["securityContext"]["runAsUser"]), str(pod["securityContext"]["runAsGroup"]))]


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    copied = [name for line in re.findall(r"(?m)^COPY (?!--from)(.+)$", DOCKERFILE) for name in line.split()[:-1]]
    assert copied
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in copied:
        assert (ROOT / name).exists() and any(fnmatch.fnmatch(name, pattern) for pattern in kept), name
    assert sorted(kept) == sorted(copied)  # nothing else reaches the build

"""deploy/grafana and the composition in deploy/otel: that Grafana finds the dashboard, and the dashboard its data, where they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.support.gateway import ROOT

GRAFANA = ROOT / "deploy" / "grafana"
OTEL = ROOT / "deploy" / "otel"
COMPOSE = yaml.safe_load((OTEL / "compose.yaml").read_text())["services"]
PROVISIONING = PurePosixPath("/etc/grafana/provisioning")  # its default, where it looks for both kinds of files


def mounts(service: str) -> dict[PurePosixPath, Any]:
    """The files of this repository by where they are in the container."""
    found = {}
    for volume in COMPOSE[service].get("volumes", ()):
        here, there, mode = volume.split(":")
        assert mode == "ro"
        found[PurePosixPath(there)] = (OTEL / here).resolve()
    return found


def data_sources() -> dict[str, Any]:
    (path,) = [one for there, one in mounts("grafana").items() if there.parent == PROVISIONING / "datasources"]
    told = yaml.safe_load(path.read_text())
    assert told["apiVersion"] == 1
    return {one["type"]: one for one in told["datasources"]}


def used(part: Any) -> Iterator[Any]:
    """Every data source that a part of a dashboard names."""
    if isinstance(part, dict):
        if "datasource" in part:
            yield part["datasource"]
        part = list(part.values())
    for one in part if isinstance(part, list) else ():
        yield from used(one)


def test_what_is_mounted_is_there() -> None:
    for service in COMPOSE:
        for there, here in mounts(service).items():
            assert here.is_file(), f"{service}: {here}"
            config = [
                one.partition("=")[2] for one in COMPOSE[service].get("command", ()) if one.startswith("--config")
            ]
            assert service == "grafana" or config == [str(there)]


def test_it_is_reached_from_this_host_only() -> None:
    published = [port for one in COMPOSE.values() for port in one.get("ports", ())]
    assert published and all(port.startswith("127.0.0.1:") for port in published)


def test_the_dashboard_is_where_grafana_is_told_to_look() -> None:
    found = mounts("grafana")
    (provider,) = [one for there, one in found.items() if there.parent == PROVISIONING / "dashboards"]
    assert provider == GRAFANA / "provisioning.yml"
    told = yaml.safe_load(provider.read_text())
    (one,) = told["providers"]
    assert (told["apiVersion"], one["type"]) == (1, "file")
    folder = PurePosixPath(one["options"]["path"])
    (dashboard,) = [here for there, here in found.items() if there.parent == folder]
    assert dashboard == GRAFANA / "fastgw.json"


def test_the_dashboard_finds_its_data() -> None:
    dashboard = json.loads((GRAFANA / "fastgw.json").read_text())
    variables = {one["name"]: one for one in dashboard["templating"]["list"] if one["type"] == "datasource"}
    sources = data_sources()
    named = {json.dumps(one): one for one in used(dashboard)}
    assert named
    for one in named.values():
        if one["uid"].startswith("${"):
            assert variables[one["uid"][2:-1]]["query"] == one["type"]
        if one["uid"] != "-- Grafana --":
            assert one["type"] in sources
    assert sources["prometheus"]["isDefault"]


def test_the_data_sources_are_beside_it() -> None:
    sources = data_sources()
    for one in sources.values():
        assert (
            urlsplit(one["url"]).hostname in COMPOSE
            and urlsplit(one["url"]).hostname in COMPOSE["grafana"]["depends_on"]
        )
    uids = {one["uid"] for one in sources.values()}
    for link in sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]:
        assert link["datasourceUid"] in uids and link["name"] == "trace_id"

"""What is shipped for a collector fits together, and the page of tracing says what there is.  No collector runs here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

import fastgw.server.exporter as exporter
from fastgw.filters import span_buffer, trace
from fastgw.telemetry.facts import FACTS

ROOT = Path(__file__).parents[2]
OTEL = ROOT / "deploy/otel"
PAGE = (ROOT / "docs/tracing.md").read_text()


def loaded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((OTEL / name).read_text())
    return found


def test_pipelines_of_the_collector_name_what_there_is() -> None:
    config = loaded("collector.yaml")
    used: dict[str, set[str]] = {kind: set() for kind in ("receivers", "processors", "exporters")}
    for pipeline in config["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            used[kind] |= set(names)
    assert used == {kind: set(config[kind]) for kind in used}
    assert config["service"]["extensions"] == list(config["extensions"])
    assert {name.partition("/")[0] for name in config["service"]["pipelines"]} == {"traces", "metrics", "logs"}


def test_what_leads_to_another_container_names_one_and_a_port_that_it_has() -> None:
    services = loaded("compose.yaml")["services"]
    listening = {
        "collector": {"4317", "4318", "8889"},
        "jaeger": {"4317", "16686"},
        "prometheus": {"9090"},
        "grafana": {"3000"},
    }
    assert set(services) == set(listening)
    for name in ("collector.yaml", "prometheus.yml", "grafana.yml"):
        led = re.findall(
            r"\b([a-z]+):([0-9]{4,5})\b", re.sub(r"#.*|host\.docker\.internal:[0-9]+", "", (OTEL / name).read_text())
        )
        assert led
        for host, port in led:
            assert port in listening[host], (name, host, port)
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") and port.split(":")[1] in listening[name] for port in service["ports"])
        for volume in service.get("volumes", ()):
            assert (OTEL / volume.split(":")[0]).is_file()
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])


def test_the_collector_listens_where_the_page_sends_to() -> None:
    http = loaded("collector.yaml")["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert http.rpartition(":")[2] == "4318" and "otlp: http://127.0.0.1:4318" in PAGE


def test_the_page_names_every_cause_of_a_drop_and_every_metric() -> None:
    source = Path(str(exporter.__file__)).read_text() + (ROOT / "fastgw/server/export_status.py").read_text()
    causes = set(re.findall(r'dropped\[(?:\w+), "(\w+)"', source)) | set(re.findall(r'_drop_all\("(\w+)"', source))
    causes |= set(re.findall(r'\("traces", "(\w+)"\)', source)) | {"expired"}
    told = set(re.findall(r"^\| `(\w+)` \|", PAGE[PAGE.index("### What is dropped") :], flags=re.MULTILINE))
    assert told == causes
    metrics = {metric.name for metric, _ in FACTS if metric.name.startswith("fastgw_telemetry")}
    assert metrics == {one.removesuffix("_total") for one in re.findall(r"fastgw_telemetry_\w+", PAGE)}


def test_the_page_says_the_bounds_that_hold() -> None:
    for said in (
        f"at most {exporter.BATCH} exchanges",
        f"within {exporter.FINISH:g} s",
        f"up to {exporter.MOST_PAUSE:g} s",
        f"after {exporter.FIRST_PAUSE:g} s",
        f"at most {trace.MOST_SPANS} spans",
        f"{span_buffer.MOST_BYTES >> 20} MiB waits there",
        f"from {trace.LEAST_WAIT * 1e3:g} ms on",
    ):
        assert said in PAGE, said
    assert exporter.GIVE_UP == 120.0 and "for two minutes" in PAGE

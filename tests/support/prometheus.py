"""A real Prometheus for a test: it scrapes what the test says, several times a second, and is asked by its HTTP API."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from tests.support.gateway import ROOT, wait_until
from tests.support.ports import free_port

DEPLOYED = ROOT / "deploy" / "prometheus"
EVERY = "250ms"  #: between two scrapes, and between two looks at the rules

Series = list[tuple[dict[str, str], float]]


class PrometheusServer:
    """The shipped configuration (``deploy/prometheus``), with the target that the test has."""

    def __init__(self, target: str) -> None:
        """``target``: host and port of an admin address."""
        self.folder = Path(tempfile.mkdtemp(prefix="prometheus-"))
        self.port = free_port()
        self._write(target)
        listen = f"--web.listen-address=127.0.0.1:{self.port}"
        files = [f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data"]
        with (self.folder / "log").open("wb") as log:
            command = ["prometheus", listen, *files, "--enable-feature=exemplar-storage"]
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def _write(self, target: str) -> None:
        config = yaml.safe_load((DEPLOYED / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": EVERY, "evaluation_interval": EVERY}
        (scrape,) = config["scrape_configs"]
        scrape["scrape_timeout"] = EVERY
        scrape["static_configs"] = [{"targets": [target]}]
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        for name in config["rule_files"]:
            rules = yaml.safe_load((DEPLOYED / name).read_text())
            for rule in (rule for group in rules["groups"] for rule in group["rules"]):
                rule.pop("for", None)  # whether it fires at all is the question
            (self.folder / name).write_text(yaml.safe_dump(rules))

    def ready(self) -> None:
        """Return when it has scraped its target, and another time."""
        wait_until(self._is_ready, 20, f"prometheus is ready: {self.read_log()}")

    def _is_ready(self) -> bool:
        try:
            return bool(self.ask("count_over_time(up[1m]) > 1"))
        except OSError:
            return False

    def ask(self, query: str) -> Series:
        """The series that ``query`` gives now; a matrix has the last value of each.  AssertionError: it cannot be asked so."""
        found = self._get("query", query=query)
        if found["resultType"] == "scalar":
            return [({}, float(found["result"][1]))]
        return [
            (one["metric"], float((one["value"] if "value" in one else one["values"][-1])[1]))
            for one in found["result"]
        ]

    def number(self, query: str) -> float:
        """The only value of ``query``; 0: there is no series."""
        found = self.ask(query)
        assert len(found) <= 1, found
        return found[0][1] if found else 0.0

    def alerts(self) -> set[str]:
        """Names of those that fire."""
        return {one["labels"]["alertname"] for one in self._get("alerts")["alerts"] if one["state"] == "firing"}

    def exemplars(self, query: str) -> list[dict[str, Any]]:
        """All that it has kept of the last five minutes, of all series."""
        found = self._get("query_exemplars", query=query, start="0", end="9999999999")
        return [one for series in found for one in series["exemplars"]]

    def _get(self, path: str, **parameters: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}"
        data = urllib.parse.urlencode(parameters).encode() if parameters else None
        try:
            with urllib.request.urlopen(url, data, timeout=5) as answer:
                return json.loads(answer.read())["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def read_log(self) -> str:
        """What it wrote."""
        return (self.folder / "log").read_text(errors="replace")

    def close(self) -> None:
        """End it, and forget what it has kept."""
        self._process.kill()
        self._process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

"""``fastgw.App`` by itself: where it is found again by the processes that serve it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from fastgw.app import App
from fastgw.config.load import load
from fastgw.config.spec import GatewaySpec
from fastgw.core.settings import Address

app = App()


def test_it_is_run_by_a_gateway_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[GatewaySpec] = []

    def main(arguments: list[str]) -> int:
        assert arguments[:2] == ["run", "-c"]
        seen.append(load(arguments[2], {}))
        return 3

    monkeypatch.setattr("fastgw.cli.main.main", main)
    monkeypatch.setenv("PYTHONPATH", "before")
    with pytest.raises(SystemExit) as ended:
        app.run("127.0.0.1", 1234, workers=2)
    (spec,) = seen
    inside = spec.services[0].inside
    assert ended.value.code == 3 and spec.workers == 2 and inside is not None
    assert (spec.listeners[0].bind.address, spec.admin) == (Address("127.0.0.1", 1234), None)
    assert (inside.kind, inside.reference) == ("app", "test_app:app")
    assert os.environ["PYTHONPATH"] == f"{Path(__file__).parent}{os.pathsep}before"


def test_one_that_nobody_could_find_again_is_told() -> None:
    with pytest.raises(RuntimeError, match="of which the application is a global"):
        App().run()
    nowhere: dict[str, Any] = {"app": app, "sys": sys}
    with pytest.raises(RuntimeError, match="of which the application is a global"):
        exec("app.run()", nowhere)

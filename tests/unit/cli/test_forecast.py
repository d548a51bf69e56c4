"""``fastgw forecast``: what is shown of a status."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.cli import forecast
from fastgw.cli.main import main

Capture = pytest.CaptureFixture[str]


def ahead(*values: float) -> list[dict[str, Any]]:
    return [
        {"at": f"2026-11-28T{hour:02}:00:00.000Z", "expected": one, "low": one / 2, "high": one * 2}
        for hour, one in enumerate(values)
    ]


SERVICES = {
    "llm": {
        "hours": 90,
        "needed_hours": 0,
        "follow": ["warm", "start"],
        "followed": 2.5,
        "requests_per_second": ahead(120.4, 12.34, 0.5),
        "concurrency": ahead(3, 2, 1),
    },
    "new": {
        "hours": 7,
        "needed_hours": 41,
        "follow": [],
        "followed": None,
        "requests_per_second": [],
        "concurrency": [],
    },
}
FOUND = {"store": "/f.db", "error": None, "lost_minutes": 0, "left_out": 0, "services": SERVICES}


def shown(monkeypatch: pytest.MonkeyPatch, found: Any, *arguments: str) -> int:
    monkeypatch.setattr(forecast, "asked", lambda *_: {"ok": True, "status": {"forecast": found}})
    return main(["forecast", "--socket", "x", *arguments])


def test_all_services_are_a_table(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    assert shown(monkeypatch, FOUND) == 0
    head, llm, new, followed = capsys.readouterr().out.splitlines()
    assert head.split()[:1] == ["SERVICE"]
    assert llm.split()[:4] == ["llm", "120", "(60.2-241)", "120"] and llm.endswith("90 h")
    assert new.endswith("7 h, 41 h more are needed")
    assert followed == "llm expects 2.50 exchanges under way, for warm connections and where its limit begins"


def test_one_service_is_shown_by_the_hour(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    assert shown(monkeypatch, FOUND, "llm") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("it expects 2.50 exchanges")
    del lines[0]
    assert len(lines) == 4 and lines[1].startswith("2026-11-28 00:00") and "#" * 20 + "-" * 20 in lines[1]
    assert shown(monkeypatch, FOUND, "new") == 0
    assert "41 h more are needed" in capsys.readouterr().out


def test_tools_get_json_and_what_is_wrong_is_said(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    assert shown(monkeypatch, FOUND, "llm", "--json") == 0
    assert json.loads(capsys.readouterr().out) == SERVICES["llm"]
    assert shown(monkeypatch, FOUND, "none") == 1
    assert "there are llm, new" in capsys.readouterr().err
    assert shown(monkeypatch, None) == 1
    assert "forecast: {}" in capsys.readouterr().err
    assert shown(monkeypatch, FOUND | {"error": "read-only"}) == 0
    assert capsys.readouterr().out.startswith("! nothing is kept: read-only")
    monkeypatch.setattr(forecast, "asked", lambda *_: None)
    assert main(["forecast", "--socket", "x"]) == 1

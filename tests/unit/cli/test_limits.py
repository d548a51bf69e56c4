"""``fastgw limits``: whom it asks about, and what is shown of the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from fastgw.cli import limits
from fastgw.cli.main import main

Capture = pytest.CaptureFixture[str]

FOUND = [
    {
        "filter": "limits",
        "limit": "300 cost/month per label:team",
        "unit": "cost",
        "amount": 300.0,
        "left": 75.5,
        "whole_in": 201144.5,
    },
    {
        "filter": "limits",
        "limit": "1000000 tokens/day per key",
        "unit": "tokens",
        "amount": 1000000,
        "left": -12,
        "whole_in": 130.0,
    },
    {"filter": "limits", "limit": "10 requests/s", "unit": "requests", "amount": 10, "left": 10, "whole_in": 0.0},
]


def shown(monkeypatch: pytest.MonkeyPatch, answer: Mapping[str, Any] | None, *arguments: str) -> tuple[int, Any]:
    requests: list[Any] = []

    def asked(_config: str | None, _socket: str | None, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        requests.append(request)
        return answer

    monkeypatch.setattr(limits, "asked", asked)
    return main(["limits", "--socket", "x", *arguments]), requests[0]


def test_it_asks_about_whom_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--model", "m", "--key", "ann", "--label", "team=a", "--label", "site=b")
    code, request = shown(monkeypatch, {"ok": True, "limits": FOUND}, *words)
    assert code == 0
    assert request == {
        "do": "limits",
        "of": [["key", "ann"], ["model", "m"], ["label", "team=a"], ["label", "site=b"]],
    }


def test_limits_are_a_table(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    assert shown(monkeypatch, {"ok": True, "limits": FOUND})[0] == 0
    head, cost, owed, whole = capsys.readouterr().out.splitlines()
    assert head.split() == ["FILTER", "LIMIT", "LEFT", "ALL", "OF", "IT", "IN"]
    assert cost.endswith("75.50           2 d  #####")
    assert owed.split()[-3:] == ["-12", "2", "m"]  # no bar: it owes
    assert whole.endswith("10             -  " + "#" * 20)


def test_tools_get_json_and_what_is_wrong_is_said(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    assert shown(monkeypatch, {"ok": True, "limits": FOUND}, "--json")[0] == 0
    assert json.loads(capsys.readouterr().out) == FOUND
    assert shown(monkeypatch, {"ok": True, "limits": []})[0] == 0
    assert "no limit counts" in capsys.readouterr().out
    assert shown(monkeypatch, {"ok": False, "error": "unknown", "detail": "no model of this name"})[0] == 1
    assert capsys.readouterr().err == "fastgw: no model of this name\n"
    assert shown(monkeypatch, None)[0] == 1

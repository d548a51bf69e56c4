"""Services that are code: what the file may say of them, and what ``check`` finds when it imports them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.load import inspect
from tests.unit.config.files import MINIMAL

CODE = """
from dataclasses import dataclass
from fastgw import App

app = App()

async def served(scope, receive, send): pass

class Good:
    name = "good"

    @dataclass
    class Settings:
        level: int = 1

    def __init__(self, settings):
        raise RuntimeError("nobody makes one to check it")

    def execute(self, input):
        return {}
"""


def problems(tmp_path: Path, service: str, **options: Any) -> list[str]:
    """What is wrong with a file that has ``service``."""
    path = tmp_path / "gw.yaml"
    text, _, _ = MINIMAL.partition("services:")
    path.write_text(f"{text}services:\n  a: {service}\n")
    return [f"{one.path}: {one.message}" for one in inspect(path, {}, **options).problems]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("{python: 'm:C'}", []),
        ("{python: word}", []),
        ("{python: 'm.n:C.D', settings: {a: {b: [1, x]}}, run: thread, workers: 2, queue: 0, max_input: 0}", []),
        ("{python: 'm:C', batch: {max: 3, wait: 1ms}}", []),
        ("{app: 'm:app', workers: 2, queue: 3, max_input: 4}", []),
        ("{asgi: 'm:app', workers: 2, queue: 3, root_path: /api}", []),
        ("{asgi: 'm:app', root_path: api/}", None),
        ("{asgi: 'm:app', run: loop}", ["services.a.run: has no effect with asgi"]),
        ("{asgi: 'm:app', max_input: 1}", []),
        ("{python: 'm:C', root_path: /api}", ["services.a.root_path: has no effect with python"]),
        ("{app: 'm:app', python: 'm:C'}", ["services.a.app: stands beside python; give one of them"]),
        ("{app: 'm:app', settings: {a: b}}", ["services.a.settings: has no effect with app"]),
        ("{}", ["services.a.endpoints: is required"]),
        ("{endpoints: []}", ["services.a.endpoints: is empty; it needs at least one entry"]),
        (
            "{python: 'm:C', endpoints: ['a:1']}",
            ["services.a.endpoints: stands beside python; give one of them"],
        ),
        ("{python: 'm:C', tls: true}", ["services.a.tls: has no effect with python, to which no connection leads"]),
        ("{endpoints: ['a:1'], workers: 2}", ["services.a.workers: has no effect without python or app or asgi"]),
        ("{python: 'm:'}", ["services.a.python: expected module:name, or the name of an entry point, got 'm:'"]),
        ("{python: 'm:C', settings: [1]}", ["services.a.settings: expected a mapping, got a list"]),
        ("{python: 'm:C', run: fork}", None),
    ],
)
def test_what_is_said_of_a_service(service: str, expected: list[str] | None, tmp_path: Path) -> None:
    found = problems(tmp_path, service)
    assert found == expected if expected is not None else found


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("{python: 'checked_code:Good'}", ""),
        ("{python: 'checked_code:Good', settings: {level: 2}}", ""),
        ("{python: 'checked_code:Bad'}", "services.a.python: the module 'checked_code' has no 'Bad'"),
        ("{python: 'checked_nothing:Bad'}", "services.a.python: the module 'checked_nothing' cannot be imported: Mod"),
        ("{python: 'checked_code:dataclass'}", "is no class"),
        ("{python: 'checked_code:Good', settings: {level: x}}", "services.a.settings: the settings are none of Good: "),
        ("{python: 'checked_code:Good', run: loop}", "services.a.python: execute of Good is 'def'"),
        ("{app: 'checked_code:app'}", ""),
        ("{asgi: 'checked_code:served'}", ""),
        ("{asgi: 'checked_code:Good'}", "services.a.asgi: 'checked_code:Good' is no ASGI application"),
        ("{app: 'checked_code:Good'}", "services.a.app: 'checked_code:Good' is no fastgw.App"),
        (
            "{python: 'checked_code:Good', batch: {}}",
            "Good is no service: it has no method execute_batch(self, inputs)",
        ),
        ("{python: 'checked:', settings: {level: x}}", "services.a.python: expected module:name"),
    ],
)
def test_what_is_named_is_imported(service: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "checked_code", raising=False)
    (tmp_path / "checked_code.py").write_text(CODE)
    found = problems(tmp_path, service, is_importing=True)
    assert len(found) == bool(said) and said in "".join(found)
    if "expected" not in said:
        assert problems(tmp_path, service) == []  # nobody asked for that

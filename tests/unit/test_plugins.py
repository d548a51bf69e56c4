"""Code of others: found, and made with its settings, or refused with what it says itself."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from fastgw import plugins
from fastgw.plugins import PluginError


class Plain:
    pass


class Typed:
    @dataclass
    class Settings:
        level: float
        word: str = "a"
        many: list[int] | None = None
        mode: Literal["fast", "slow"] = "fast"
        anything: Any = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings


class Modelled:
    class Settings(BaseModel):
        level: int

    def __init__(self, settings: Settings) -> None:
        self.settings = settings


class Broken:
    def __init__(self) -> None:
        raise RuntimeError("no\nmodel")


def test_what_a_module_has_is_found() -> None:
    assert plugins.find(f"{__name__}:Typed.Settings", "x") is Typed.Settings


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("no_such_module:X", "the module 'no_such_module' cannot be imported: ModuleNotFoundError: No module named"),
        (f"{__name__}:Nobody", f"the module {__name__!r} has no 'Nobody'"),
        ("nobody", r"no installed package has 'nobody' among its fastgw.services \(there are: "),
    ],
)
def test_what_is_not_there_is_told(reference: str, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        plugins.find(reference, plugins.SERVICES)


@pytest.mark.parametrize("line", ["raise ZeroDivisionError('one')", "raise SystemExit('one')", "def"])
def test_a_module_that_fails_is_told_in_its_own_words(line: str, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "failing_module.py").write_text(line)
    monkeypatch.setattr(sys, "path", [*sys.path])
    plugins.look_in(str(tmp_path))
    with pytest.raises(
        PluginError, match=r"cannot be imported: (ZeroDivisionError: one|SystemExit: one|SyntaxError: )"
    ):
        plugins.find("failing_module:X", "x")


def test_the_folder_hides_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "json.py").write_text("dumps = None")
    before = [*sys.path]
    plugins.look_in(str(tmp_path))
    plugins.look_in(str(tmp_path))
    plugins.look_in("")
    plugins.look_in(str(tmp_path / "none"))
    assert sys.path == [*before, str(tmp_path)]


def test_settings_are_those_of_the_model() -> None:
    made = plugins.make(Typed, {"level": 1, "many": [1], "mode": "slow", "anything": {}})
    assert made.settings == Typed.Settings(1.0, "a", [1], "slow", {})
    assert isinstance(made.settings.level, float)
    assert plugins.make(Modelled, {"level": 2}).settings.level == 2
    assert isinstance(plugins.make(Plain, {}), Plain)


class Chosen:
    class Options(BaseModel):
        levels: list[int] = []

    def __init__(self, name: str, options: Options) -> None: ...


def test_options_are_those_of_the_model_or_none() -> None:
    assert plugins.options_of(Chosen, {"levels": [1]}) == Chosen.Options(levels=[1])
    assert plugins.options_of(Plain, {}) == {}


@pytest.mark.parametrize(
    ("kind", "given", "place"),
    [(Chosen, {"levels": [1, "x"]}, ("levels", 1)), (Plain, {"b": 1}, ("b",))],
)
def test_an_error_tells_where_it_is(kind: type, given: dict[str, Any], place: tuple[str | int, ...]) -> None:
    with pytest.raises(PluginError) as caught:
        plugins.options_of(kind, given)
    assert caught.value.place == place and "options" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (Plain, {"a": 1}, "Plain takes no settings, for it has no Settings; got a"),
        (Typed, {}, "the settings are none of Typed: TypeError: .*'level'"),
        (Typed, {"level": 1, "x": 1}, "there is no 'x'; known are level, word, many, mode, anything"),
        (Typed, {"level": "1"}, "level: expected float, got '1'"),
        (Typed, {"level": True}, "level: expected float, got True"),
        (Typed, {"level": 1, "many": "no"}, "many: expected list or NoneType, got 'no'"),
        (Typed, {"level": 1, "mode": "x"}, "mode: expected 'fast' or 'slow', got 'x'"),
        (Modelled, {"level": "x"}, "the settings are none of Modelled: ValidationError: .*level"),
        (Broken, {}, "Broken cannot be made: RuntimeError: no model"),
    ],
)
def test_what_does_not_fit_is_told(kind: type, given: dict[str, Any], said: str) -> None:
    with pytest.raises(PluginError, match=said):
        plugins.make(kind, given)

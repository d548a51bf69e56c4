"""The parts in ``examples/plugins`` do what they say, are found by their entry points, and are short."""

from __future__ import annotations

import os
import runpy
import tomllib
from pathlib import Path

import pytest

from fastgw import plugins
from fastgw.adapters.handlers import Routes, table_of
from fastgw.config.load import inspect

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "plugins"


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


def test_the_service_counts_words() -> None:
    service = plugins.make(plugins.find("word_service:WordCount", plugins.SERVICES), {"most": 1})
    assert service.execute({"text": "a rose is a rose is a flower"}) == {"words": 8, "most": {"a": 3}}
    assert service.execute({}) == {"words": 0, "most": {}}


def test_the_handlers_are_an_application() -> None:
    app = plugins.find("user_handler:app", plugins.SERVICES)
    assert isinstance(app, Routes) and table_of(app, "").match(b"", b"GET", b"/user/ada", lambda _: None)


@pytest.mark.parametrize("name", ["test_words_are_counted", "test_users_are_found"])
def test_its_own_tests_pass(name: str) -> None:
    runpy.run_path(str(FOLDER / "tests" / "test_parts.py"))[name]()


def test_every_part_has_an_entry_point_and_under_forty_lines() -> None:
    groups = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]["entry-points"]
    named = {reference.partition(":")[0] for group in groups.values() for reference in group.values()}
    files = {path.stem: len(path.read_text().splitlines()) for path in FOLDER.glob("*.py")}
    assert named == files.keys() and max(files.values()) < 40
    for reference in groups[plugins.SERVICES].values():
        plugins.find(reference, plugins.SERVICES)


def test_the_configuration_is_right() -> None:
    inspection = inspect(FOLDER / "gateway.yaml", dict(os.environ), is_importing=True)
    assert not inspection.problems and not inspection.warnings

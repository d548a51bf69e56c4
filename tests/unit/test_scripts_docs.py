"""scripts/docs: what the site has beside the pages; and that every link of a page to a file of the repository leads to one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.demo import load
from tests.support.gateway import ROOT

_hooks = load("scripts/_docs_hooks.py")
PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_files_that_a_page_links_to_are_there(page: Path) -> None:
    assert [name for name in _hooks.outside(page.read_text()) if not (ROOT / name).exists()] == []


def test_links_in_code_are_none() -> None:
    text = "[a](../a.py) [b](../b/#c)\n```\n[c](../c)\n```\n[d](e.md)\n"
    assert list(_hooks.outside(text)) == ["a.py", "b"]


def test_every_page_has_a_place_of_its_own() -> None:
    names = [name for page in PAGES for name in _hooks.outside(page.read_text())]
    assert len({_hooks.target(name) for name in names}) == len(set(names)) > 10


def test_a_file_with_fences_is_shown_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.md").write_text("# a\n````\n```\nb\n```\n````\n")
    monkeypatch.setattr(_hooks, "ROOT", tmp_path)
    assert "\n`````markdown\n# a\n" in _hooks.shown("a.md")


def test_every_key_of_the_schema_is_in_the_page() -> None:
    schema = json.loads((ROOT / "docs" / "fastgw.schema.json").read_text())
    page = _hooks.keys(schema)
    assert "\n## (top)\n" in page and "| `listeners` | list of [Listener](#listener) | required |" in page
    mappings = [one for one in schema["$defs"].values() if "properties" in one]
    rows = [key for one in mappings for key in one["properties"]]
    assert page.count("\n| `") >= len(rows) + len(schema["properties"]) > 200
    assert all(line.count(" | ") >= 3 for line in page.splitlines() if line.startswith("| `"))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"$ref": "#/$defs/Retry"}, "[Retry](#retry)"),
        ({"anyOf": [{"const": False}, {"type": "string"}]}, "`false` or string"),
        ({"enum": ["a", "b"]}, "`a`, `b`"),
        ({"type": "array", "items": {"type": "integer"}}, "list of integer"),
        ({"type": "object", "additionalProperties": {"$ref": "#/$defs/Service"}}, "mapping to [Service](#service)"),
        (
            {"type": "object", "patternProperties": {"^a": {"$ref": "#/$defs/Service"}}},
            "mapping to [Service](#service)",
        ),
        ({"type": ["string", "null"]}, "string or null"),
        ({}, "any"),
    ],
)
def test_types_in_words(value: dict[str, object], said: str) -> None:
    assert _hooks.kind_of(value) == said

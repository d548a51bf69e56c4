"""Filters and transformers of other packages, as the file names them; nothing is imported for it."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import pytest

from fastgw.config.plugin import FilterPlugin, own_options
from fastgw.config.spec import PLUGIN
from fastgw.core.settings import FilterSettings
from tests.unit.config.files import MINIMAL, problems, read, with_route
from tests.unit.config.plugged import write_code


def filters(keys: str) -> str:
    return MINIMAL + f"filters: {{mine: {{{keys}}}}}\n"


def test_a_filter_has_its_own_keys_beside_those_of_all(tmp_path: Path) -> None:
    keys = "type: 'm.n:C.D', level: 3, word: '3', deep: {a: [true, x]}, none: , options: 1, folder: x, on_failure: open, timeout: 1s"
    spec = next(one for one in read(tmp_path, filters(keys)).filters if one.name == "mine")
    found = dict(spec.options)
    assert (spec.name, spec.made_by, spec.settings) == ("mine", PLUGIN, FilterSettings("open", 1.0))
    assert (found["reference"], found["group"]) == ("m.n:C.D", "fastgw.filters")
    assert Path(found["folder"]).resolve() == tmp_path.resolve()
    own = {"level": 3, "word": "3", "deep": {"a": [True, "x"]}, "options": 1, "folder": "x"}
    assert orjson.loads(found["options"]) == own
    assert spec.does == "is m.n:C.D"
    assert own_options(FilterPlugin.model_validate({"type": "m:C", "a": "b"}, context={"base": "/"})) == {"a": "b"}


@pytest.mark.parametrize("said", ["'m:C'", "{name: 'm:C'}"])
def test_a_transformer_is_its_name_or_a_mapping(tmp_path: Path, said: str) -> None:
    route = read(
        tmp_path, with_route(f"transformers: {{input: {said}, output: {{name: 'm:D', on_failure: x}}}}")
    ).routes[0]
    first, second = route.transformers
    assert (first.name, first.made_by, dict(first.options)["options"]) == ("m:C", PLUGIN, b"{}")
    assert (second.name, dict(second.options)["options"]) == ("m:D", b'{"on_failure":"x"}')
    assert (first.does, dict(first.options)["group"]) == ("is m:C", "fastgw.transformers")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("type: 'm:'", "filters.mine.type: expected module:name, or the name of an entry point, got 'm:'"),
        ("type: 'm:C', on_failure: maybe", "filters.mine.on_failure: expected closed or open, got 'maybe'"),
        ("type: 'm:C', timeout: 0", "filters.mine.timeout: "),
        ("type: rate_limt", "filters.mine.type: unknown type 'rate_limt'; did you mean 'rate_limit'?"),
        ("type: 'm:C', a: 1e999", "filters.mine: has a number that JSON cannot say"),
        ("type: 'm:C', a: '${NOWHERE_SET}'", "filters.mine.a: "),
    ],
)
def test_what_is_wrong_has_its_line(tmp_path: Path, keys: str, expected: str) -> None:
    [found] = problems(tmp_path, filters(keys))
    assert found.startswith("7:") and f" {expected}" in found


def test_a_word_may_be_an_entry_point_and_nobody_imports_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = with_route("transformers: {output: text/upper}") + "filters: {mine: {type: mark, level: 2}}\n"
    assert len(problems(tmp_path, text)) == 2
    write_code(tmp_path, monkeypatch, is_installed=True)
    spec = read(tmp_path, text)
    assert dict(spec.filters[0].options)["reference"] == "mark"
    assert spec.routes[0].transformers[0].name == "text/upper"
    assert "plugged_code" not in sys.modules

"""What ``check`` finds when it imports filters and transformers of others: which, where, and what they say themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.load import inspect
from tests.unit.config.files import MINIMAL, with_listener, with_route
from tests.unit.config.plugged import write_code


def found(folder: Path, text: str, **options: Any) -> list[str]:
    path = folder / "gw.yaml"
    path.write_text(text)
    return [f"{one.line}:{one.column}: {one.path}: {one.message}" for one in inspect(path, {}, **options).problems]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("type: 'plugged_code:Mark', level: 3, words: [a], on_failure: open", ""),
        (
            "type: 'plugged_code:Mark', level: x",
            "7:52: filters.mine.level: the options are none of Mark: ValueError: level: expected int, got 'x'",
        ),
        ("type: 'plugged_code:Mark', lvel: 1", "7:51: filters.mine.lvel: the options are none of Mark: ValueError: there is no"),
        ("type: 'plugged_code:Upper', a: 1", "filters.mine.a: Upper takes no options, for it has no Options; got a"),
        ("type: 'plugged_code:Nobody'", "7:24: filters.mine.type: the module 'plugged_code' has no 'Nobody'"),
        ("type: 'no_such_code:X'", "filters.mine.type: the module 'no_such_code' cannot be imported: ModuleNotFoundError: No module"),
        ("type: 'plugged_code:Nothing'", "filters.mine.type: Nothing is no filter: it has none of the hooks request,"),
        ("type: 'plugged_code:CODE'", "has no 'CODE'"),
        ("type: 'os:sep'", "filters.mine.type: '/' is no class"),
        ("type: 'os.path:'", "filters.mine.type: expected module:name"),
    ],
)  # fmt: skip
def test_a_filter_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: str, said: str) -> None:
    write_code(tmp_path, monkeypatch)
    text = MINIMAL + f"filters: {{mine: {{{keys}}}}}\n"
    problems = found(tmp_path, text, is_importing=True)
    assert len(problems) == bool(said) and said in "".join(problems)
    if "expected module" not in said:
        monkeypatch.delitem(sys.modules, "plugged_code", raising=False)
        assert found(tmp_path, text) == [] and "plugged_code" not in sys.modules  # nobody asked for that


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("output: 'plugged_code:Upper'", ""),
        ("input: 'plugged_code:Upper'", "transformers.input: Upper cannot be an input: it has no transform_request"),
        ("input: {name: 'plugged_code:Upper'}", "transformers.input.name: Upper cannot be an input"),
        ("output: {name: 'plugged_code:Upper', a: 1}", "transformers.output.a: Upper takes no options"),
        ("output: 'plugged_code:X'", "transformers.output: the module 'plugged_code' has no 'X'"),
    ],
)
def test_a_transformer_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, expected: str) -> None:
    write_code(tmp_path, monkeypatch)
    problems = found(tmp_path, with_route(f"transformers: {{{said}}}"), is_importing=True)
    assert len(problems) == bool(expected) and expected in "".join(problems)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("Mark", ""), ("Upper", "'mine' cannot stand before routing: Upper does not say runs_before_routing = True")],
)
def test_it_says_whether_it_needs_a_route(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, expected: str
) -> None:
    write_code(tmp_path, monkeypatch)
    text = with_listener("before_routing: [mine]") + f"filters: {{mine: {{type: 'plugged_code:{kind}'}}}}\n"
    told = [f"3:22: listeners[0].before_routing[0]: {expected}"] if expected else []
    assert found(tmp_path, text, is_importing=True) == told


def test_one_mistake_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_code(tmp_path, monkeypatch)
    text = (
        MINIMAL
        + "filters: {mine: {type: 'plugged_code:Mark', level: x, timeout: never}, other: {type: 'plugged_code:X'}}\n"
    )
    assert [one.split(" ")[1] for one in found(tmp_path, text, is_importing=True)] == [
        "filters.mine.level:",
        "filters.mine.timeout:",
        "filters.other.type:",
    ]

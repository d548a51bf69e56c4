"""Filters of other packages, as a worker makes them from the specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastgw.config.compile import compile_snapshot
from fastgw.filters.plugin import needs_a_route, plugin
from fastgw.testing import GET, Edge
from tests.unit.config.compile_stage import slots
from tests.unit.config.files import read, with_listener, with_route
from tests.unit.config.plugged import write_code


@pytest.fixture(autouse=True)
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_code(tmp_path, monkeypatch)


def compiled(folder: Path, text: str) -> Any:
    spec = read(folder, text)
    return compile_snapshot(spec, 1, slots(spec), Edge().plane.registry, lambda: 0.0)


def mark(kind: str = "Mark", keys: str = "") -> str:
    return with_route("filters: [mine]") + f"filters: {{mine: {{type: 'plugged_code:{kind}'{keys}}}}}\n"


def test_it_is_a_filter_like_any_other(tmp_path: Path) -> None:
    chain = compiled(tmp_path, mark(keys=", level: 7, words: [a], on_failure: open, timeout: 2s")).listeners[
        "listener-1"
    ]
    route = chain.router.rules[0].payload
    made = route.chain.filters[-1]
    assert (made.name, made.options.level, made.options.words) == ("mine", 7, ("a",))
    assert route.chain.modes["mine"].is_open and route.chain.modes["mine"].settings.timeout == 2.0
    edge = Edge(filters=[made])
    _, service = edge.pair(GET)
    assert b"x-mark: 7\r\n" in service.take()


def test_a_transformer_stands_behind_all_filters(tmp_path: Path) -> None:
    snapshot = compiled(tmp_path, with_route("transformers: {output: 'plugged_code:Upper'}"))
    chain = snapshot.listeners["listener-1"].router.rules[0].payload.chain
    assert chain.filters[-1].name == "plugged_code:Upper" and chain.response_body


@pytest.mark.parametrize(
    ("kind", "keys", "said"),
    [
        ("Mark", ", level: x", "the filter 'mine' (plugged_code:Mark): the options are none of Mark: ValueError: level: expected"),
        ("Nobody", "", "the filter 'mine' (plugged_code:Nobody): the module 'plugged_code' has no 'Nobody'"),
        ("Nameless", "", "Nameless does not keep its name: its __init__ has to set self.name = name"),
        ("Failing", "", "Failing cannot be made: RuntimeError: no model"),
        ("Nothing", "", "Nothing is no filter"),
    ],
)  # fmt: skip
def test_one_that_cannot_be_used_refuses_the_configuration(tmp_path: Path, kind: str, keys: str, said: str) -> None:
    with pytest.raises(OSError) as caught:
        compiled(tmp_path, mark(kind, keys))
    assert said in str(caught.value)


def test_a_transformer_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"^the filter 'plugged_code:No': the module"):
        compiled(tmp_path, with_route("transformers: {output: 'plugged_code:No'}"))


def test_one_that_needs_a_route_does_not_run_before_there_is_one(tmp_path: Path) -> None:
    def text(kind: str) -> str:
        return with_listener("before_routing: [mine]") + f"filters: {{mine: {{type: 'plugged_code:{kind}'}}}}\n"

    assert compiled(tmp_path, text("Mark"))
    with pytest.raises(
        OSError, match="'mine' cannot stand before routing: Upper does not say runs_before_routing = True"
    ):
        compiled(tmp_path, text("Upper"))
    assert needs_a_route(type("One", (), {"runs_before_routing": True})) == ""


def test_the_name_is_that_of_the_configuration(tmp_path: Path) -> None:
    given = {"reference": "plugged_code:Upper", "group": "fastgw.filters", "folder": str(tmp_path), "options": b"{}"}
    assert plugin("shout", given).name == "shout"

"""The registry of transformers: each entry is whole, and each stands where the file names it."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import fastgw
from fastgw.cli.main import main
from fastgw.config import transformers
from fastgw.config.compile import compile_snapshot
from fastgw.config.transformers import TRANSFORMERS
from fastgw.core.exchange.filter import Filter
from fastgw.testing.edge import Edge
from tests.support.protos import descriptor_set
from tests.unit.config.compile_stage import slots
from tests.unit.config.files import problems, read, with_route

DOCS = Path(fastgw.__path__[0]).parent / "docs"
NEEDED = {  #: what those say that have an option without a default
    "image/resize": "{name: image/resize, width: 10}",
    "json/select": "{name: json/select, pick: /a}",
    "json/template": "{name: json/template, template: {}}",
    "grpc/json-transcoder": "{name: grpc/json-transcoder, descriptors: library.pb}",
}
INPUTS = "image/base64-decoder, image/resize, audio/base64-decoder, json/select, json/template, grpc/json-transcoder, kserve/rest-grpc"
OUTPUTS = "json/bbox-formatter, json/select, json/template"
DECODER = "image/base64-decoder"
IMAGES = "image/png or image/jpeg or image/gif or image/webp or image/bmp or image/tiff"
BOTH = "transformers: {input: image/base64-decoder, output: json/bbox-formatter}"  #: word for word


@pytest.mark.parametrize("word", TRANSFORMERS)
def test_an_entry_makes_a_transformer_with_the_hooks_of_its_side(tmp_path: Path, word: str) -> None:
    entry = TRANSFORMERS[word]
    (tmp_path / "library.pb").write_bytes(descriptor_set())
    for asked in entry.sides:
        [spec] = (
            read(tmp_path, with_route(f"transformers: {{{asked}: {NEEDED.get(word, word)}}}")).routes[0].transformers
        )
        module, _, factory = spec.made_by.partition(":")
        found: Filter = getattr(import_module(module), factory)(spec.name, dict(spec.options))
        assert found.name == word
        hooks = {"input": "transform_request", "output": "transform_response"}
        assert {side for side, hook in hooks.items() if getattr(found, hook, None) is not None} == (
            set(hooks) if entry.is_last else {asked}
        )


@pytest.mark.parametrize("word", TRANSFORMERS)
def test_an_entry_says_what_it_is(word: str) -> None:
    entry = TRANSFORMERS[word]
    assert entry.__doc__
    assert all("/" in kind for kind in (*entry.takes, *entry.makes)) and entry.takes and entry.makes
    assert all(field.description for field in entry.model_fields.values())
    page = (DOCS / "transformers.md").read_text()
    assert f"## `{word}`\n" in page
    assert all(f"`{kind}`" in page for kind in (*entry.takes, *entry.makes))


def test_every_file_of_an_entry_is_in_the_registry() -> None:
    files = {path.stem for path in Path(transformers.__path__[0]).glob("*.py")} - {"__init__", "entry"}
    assert {entry.__module__.rpartition(".")[2] for entry in TRANSFORMERS.values()} == files
    assert all((Path(fastgw.__path__[0]) / "transformers" / f"{name}.py").exists() for name in files)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("input: image/base64-decoder", []),
        ("input: {name: image/base64-decoder, field: data.image}", []),
        ("", []),
        (
            "input: image/base64-decodr",
            [
                "4:50: routes[0].transformers.input: unknown transformer 'image/base64-decodr'; did you mean 'image/base64-decoder'?"
            ],
        ),
        (
            "output: {name: nope}",
            ["4:58: routes[0].transformers.output.name: unknown transformer 'nope'; known are " + OUTPUTS],
        ),
        (
            "input: {field: x}",
            ["4:43: routes[0].transformers.input.name: is required; known transformers are " + INPUTS],
        ),
        ("input: {nam: x}", ["4:51: routes[0].transformers.input.nam: unknown key; did you mean 'name'?"]),
        (
            "input: {name: [x]}",
            [
                "4:51: routes[0].transformers.input.name: expected a transformer, got a list; known transformers are "
                + INPUTS
            ],
        ),
        (
            "input: json/bbox-formatter",
            ["4:50: routes[0].transformers.input: 'json/bbox-formatter' is of answers; it is an output"],
        ),
        (
            "output: image/base64-decoder",
            ["4:51: routes[0].transformers.output: 'image/base64-decoder' is of requests; it is an input"],
        ),
        (
            "output: {name: json/bbox-formatter, too: pixel}",
            ["4:79: routes[0].transformers.output.too: unknown key; did you mean 'to'?"],
        ),
        (
            "output: {name: json/bbox-formatter, to: pixels}",
            [
                "4:83: routes[0].transformers.output.to: expected normalized or pixel, got 'pixels'; did you mean 'pixel'?"
            ],
        ),
        ("output: [json/bbox-formatter, {name: json/bbox-formatter, to: pixel}]", []),
        (
            "output: [json/bbox-formatter, {name: json/bbox-formatter, to: pixels}]",
            [
                "4:105: routes[0].transformers.output[1].to: expected normalized or pixel, got 'pixels'; did you mean 'pixel'?"
            ],
        ),
        (
            "output: [nope]",
            ["4:52: routes[0].transformers.output[0]: unknown transformer 'nope'; known are " + OUTPUTS],
        ),
        (
            "input: [image/base64-decoder, json/bbox-formatter]",
            ["4:73: routes[0].transformers.input[1]: 'json/bbox-formatter' is of answers; it is an output"],
        ),
        (
            "input: [image/base64-decoder, {name: image/base64-decoder}]",
            [
                f"4:73: routes[0].transformers.input[1]: {DECODER!r} takes application/json, and {DECODER!r} in front of it makes {IMAGES}"
            ],
        ),
        ("inpt: image/base64-decoder", ["4:43: routes[0].transformers.inpt: unknown key; did you mean 'input'?"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, said: str, expected: list[str]) -> None:
    assert problems(tmp_path, with_route(f"transformers: {{{said}}}")) == expected


def test_a_route_that_answers_by_itself_has_none(tmp_path: Path) -> None:
    text = with_route(BOTH).replace("service: a,", "reply: {text: x},").partition("services:")[0]
    assert [line.partition(": ")[2].partition(": ")[2] for line in problems(tmp_path, text)] == [
        "has no effect without a service: the gateway itself answers here"
    ] * 2


def test_bytes_meet_several_in_the_order_in_which_the_file_has_them(tmp_path: Path) -> None:
    said = "input: [image/base64-decoder, 'm:A'], output: ['m:B', json/bbox-formatter]"
    [route] = read(tmp_path, with_route(f"transformers: {{{said}}}")).routes
    # requests meet filters from the first to the last, answers from the last to the first
    assert [one.name for one in route.transformers] == ["image/base64-decoder", "m:A", "json/bbox-formatter", "m:B"]


def test_they_stand_behind_all_filters_and_each_is_made_once(tmp_path: Path) -> None:
    routes = (
        f"service: a, filters: [access_log], {BOTH}}}\n  - {{path: /b, service: a, {BOTH}}}\n  - {{path: /c, service: a"
    )
    spec = read(tmp_path, with_route("x: y").replace("service: a, x: y", routes))
    snapshot = compile_snapshot(spec, 1, slots(spec), Edge().plane.registry, lambda: 0.0)
    listener = next(iter(snapshot.listeners.values()))
    chains: list[Any] = [one.payload.chain.filters for one in listener.router.rules]
    names = sorted([one.name for one in chain] for chain in chains)
    both = ["image/base64-decoder", "json/bbox-formatter"]
    assert names == [["request_id"], ["request_id", "access_log", *both], ["request_id", *both]]
    made = {id(one) for chain in chains for one in chain if one.name in both}
    assert len(made) == 2 and made <= {id(one) for one in snapshot.filters}


def test_the_chain_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read(tmp_path, with_route(BOTH))
    assert main(["route", "-c", str(tmp_path / "gw.yaml"), "POST", "http://a.test/x"]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("filters  (listener listener-1)")
    assert [line.split()[:2] for line in lines[at + 1 : at + 4]] == [
        ["listener", "request_id"],
        ["transformer", "image/base64-decoder"],
        ["transformer", "json/bbox-formatter"],
    ]
    assert lines[at + 2].endswith("makes of JSON with an image as base64 the image itself")


def test_the_schema_of_boxes_is_one() -> None:
    assert json.loads((DOCS / "bbox.schema.json").read_text())["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize(
    ("keys", "is_told"),
    [
        ("body_buffer: 0, transformers: {input: {name: json/select, keep: [/a]}}", True),
        ("body_buffer: 0, transformers: {input: [image/base64-decoder, image/resize]}", True),
        ("body_buffer: 0, transformers: {input: image/base64-decoder}", False),  # which passes on what it has
        ("body_buffer: 0, transformers: {output: json/bbox-formatter}", False),  # of answers it says nothing
        ("transformers: {input: {name: json/select, keep: [/a]}}", False),
    ],
)
def test_a_route_that_streams_has_nobody_who_takes_bodies_whole(tmp_path: Path, keys: str, is_told: bool) -> None:
    text = with_route(keys.replace("image/resize", "{name: image/resize, width: 8}"))
    found = problems(tmp_path, text)
    told = [one for one in found if "body_buffer: 0 says that the service reads bodies as they come" in one]
    assert len(told) == len(found) == is_told

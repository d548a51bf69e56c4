"""``fastgw replay``: exactly the requests that a change affects are named, and nothing secret is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fastgw.cli.main import main

Capture = pytest.CaptureFixture[str]

OLD = """
listeners: [{name: edge, address: "127.0.0.1:18080"}]
chain: [ids]
filters:
  ids: {type: request_id}
  quota: {type: rate_limit, limits: [{rate: 10/s}]}
  strip: {type: rewrite, strip_prefix: /api}
routes:
  - {name: chat, path: /v1/chat/*, service: llm, filters: [quota]}
  - {name: embed, path: /v1/embeddings, service: embed}
  - {name: vip, path: /v1/embeddings, headers: {x-plan: gold}, service: llm}
  - {name: files, path: /files/*, service: files}
  - {name: models, path: /m/*, models: true}
services:
  llm: {endpoints: ["10.0.0.1:80"]}
  embed: {endpoints: ["10.0.0.2:80"]}
  files: {endpoints: ["10.0.0.3:80"]}
models:
  small: {service: llm}
  large: {service: embed}
"""
PATHS = ("/v1/chat/completions", "/v1/embeddings", "/files/a", "/other")
SECRETS = ("hunter2", "tok-secret", "#a1b2c3d4e5f60718")


def record(number: int, **more: Any) -> dict[str, Any]:
    path = PATHS[number % 4]
    return {
        "v": 1, "at": f"2026-11-28T00:00:{number % 60:02}.000Z", "listener": "edge", "method": "POST",
        "target": f"{path}?key=hunter2&t=tok-secret", "host": "a.test",
        "fields": [["authorization", "#a1b2c3d4e5f60718"], ["x-note", "tok-secret"]],
        "route": ("chat", "embed", "files", "edge:unmatched")[number % 4], "service": ("llm", "embed", "files", "")[number % 4],
        "status": 200, "ms": 3.0,
    } | more  # fmt: skip


def written(path: Path, *records: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return str(path)


class Replays:
    def __init__(self, folder: Path, capsys: Capture) -> None:
        self.folder = folder
        self.capsys = capsys
        self.old = folder / "old.yaml"
        self.old.write_text(OLD)

    def against(self, new: str, *records: dict[str, Any], old: bool = True) -> tuple[int, dict[str, Any]]:
        path = self.folder / "new.yaml"
        path.write_text(new)
        capture = written(self.folder / "capture.log", *records)
        given = ["--from", str(self.old)] if old else []
        code = main(["replay", "--against", str(path), *given, "--json", capture])
        return code, json.loads(self.capsys.readouterr().out)

    def lines(self, new: str, *records: dict[str, Any], old: bool = True) -> list[list[str]]:
        return [one["lines"] for one in self.against(new, *records, old=old)[1]["changes"]]


@pytest.fixture
def replays(tmp_path: Path, capsys: Capture) -> Replays:
    return Replays(tmp_path, capsys)


def test_ten_thousand_requests_and_three_changes(replays: Replays) -> None:
    new = (
        OLD.replace("rate: 10/s", "rate: 5/s")  # of chat
        .replace('files: {endpoints: ["10.0.0.3:80"]}', 'files: {endpoints: ["10.0.0.3:80", "10.0.0.4:80"]}')
        .replace("{name: embed, path: /v1/embeddings, service: embed}", "{name: embed2, path: /v1/*, service: embed}")
    )
    code, found = replays.against(new, *(record(number) for number in range(10_000)))
    assert code == 1 and found["requests"] == 10_000 and found["changed"] == 7_500
    quota = next(
        tuple(one["lines"]) for one in found["changes"] if one["lines"][0].startswith("filter quota: limits: ")
    )
    assert {tuple(one["lines"]): one["count"] for one in found["changes"]} == {
        quota: 2500,
        ("service files: endpoint 10.0.0.4:80 added",): 2500,
        ("route: embed -> embed2", "route embed2: path: /v1/embeddings -> /v1/*"): 2500,
    }
    shown = json.dumps(found)
    assert all(secret not in shown for secret in SECRETS)
    examples = {one["lines"][0][:5]: one["examples"] for one in found["changes"]}
    assert examples["filte"] == [{"request": "POST a.test/v1/chat/completions", "count": 2500}]


def test_nothing_is_different_for_the_same_file(replays: Replays) -> None:
    code, found = replays.against(OLD.replace("/v1/embeddings", "/v1/embeddings", 1), *map(record, range(8)))
    assert (code, found["changes"], found["changed"]) == (0, [], 0)


@pytest.mark.parametrize(
    ("old", "new", "number", "line"),
    [
        (
            "service: llm, filters: [quota]}",
            "service: embed, filters: [quota]}",
            0,
            "route chat: service: llm -> embed",
        ),
        ("chain: [ids]", "chain: [ids, strip]", 1, "filter strip: is met"),
        ("service: llm, filters: [quota]}", "service: llm}", 0, "filter quota: is met no more"),
        ("- {name: files, path: /files/*", "- {name: files, path: /f/*", 2, "route: files -> none"),
        ("{name: files,", "{name: files, timeout: 5s,", 2, "route files: "),
        ("name: edge, address", "name: edge, trusted_proxies: [10.0.0.0/8], address", 3, "listener edge: "),
    ],
)
def test_each_kind_of_thing(replays: Replays, old: str, new: str, number: int, line: str) -> None:
    assert old in OLD
    [lines] = replays.lines(OLD.replace(old, new, 1), record(number))
    assert any(one.startswith(line) for one in lines), lines
    untouched = (number + 2) % 4
    if "listener" not in line and "chain" not in old:
        assert replays.lines(OLD.replace(old, new, 1), record(untouched)) == []


def test_a_model_alone_is_affected(replays: Replays) -> None:
    new = OLD.replace("large: {service: embed}", "large: {service: embed, as: other/large}")
    small = record(0, target="/m/v1/chat/completions", model="small", route="models")
    assert replays.lines(new, small) == []
    assert replays.lines(new, small | {"model": "large"}) != []
    assert replays.lines(new, small | {"model": ""}) != []  # nobody knows which it was


def test_a_field_that_decides_and_is_a_hash_is_said(replays: Replays) -> None:
    _, found = replays.against(OLD, record(1, fields=[["x-plan", "#0011"]]))
    assert found["doubtful"] == {"x-plan": 1}
    assert replays.lines(OLD.replace("x-plan: gold", "x-plan: silver"), record(1, fields=[["x-plan", "gold"]])) != []


def test_without_the_old_file_the_record_is_what_is_compared(replays: Replays) -> None:
    assert replays.lines(OLD, record(0), old=False) == []
    new = OLD.replace("name: chat, path: /v1/chat/*, service: llm", "name: chat, path: /v1/chat/*, service: embed")
    assert replays.lines(new, record(0), old=False) == [["service: llm -> embed"]]
    assert replays.lines(OLD.replace("name: chat", "name: talk"), record(0), old=False) == [["route: chat -> talk"]]
    assert replays.lines(OLD, record(3), old=False) == []  # what no route took is taken by none


def test_it_is_told_for_people_without_orders_to_the_terminal(replays: Replays, capsys: Capture) -> None:
    new = replays.folder / "new.yaml"
    new.write_text(OLD.replace("rate: 10/s", "rate: 5/s"))
    capture = written(replays.folder / "c.log", record(0, target="/v1/chat/\x1b[2J?x=hunter2"), record(1), {"v": 7})
    assert main(["replay", "--against", str(new), "--from", str(replays.old), capture]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out and "hunter2" not in out
    lines = out.splitlines()
    assert lines.pop(5).startswith("       1 filter quota: limits: ")
    assert lines == [
        "2 requests of 1 file, 2026-11-28T00:00:00.000Z to 2026-11-28T00:00:01.000Z",
        f"! 1 lines left out: {capture}:3 is of another version than 1",
        "! 1 requests whose filters are others were not tried on them: it cannot be asked again",
        "! limits that are others were not tried: the configuration before records none, so nobody knows whether these are all",
        "       1 as before",
        "           1 of POST a.test/v1/chat/?[2J",
    ]


def test_files_that_cannot_be_used(replays: Replays, capsys: Capture) -> None:
    assert main(["replay", "--against", str(replays.old), str(replays.folder / "none")]) == 1
    assert "No such file" in capsys.readouterr().err
    assert main(["replay", "--against", str(replays.folder / "none.yaml"), "x"]) == 1
    empty = written(replays.folder / "empty.log")
    assert main(["replay", "--against", str(replays.old), empty]) == 1

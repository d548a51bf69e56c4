"""``docs/filters.md`` and ``docs/configuration.md``: the examples of ``headers`` and ``rewrite`` do what stands beside them."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.rules import routing_table
from fastgw.config.spec import GatewaySpec
from fastgw.filters.variables import names
from fastgw.testing.edge import OK, Edge, head_of
from tests.unit.config.files import read

DOCS = Path(__file__).resolve().parents[2] / "docs"
SECTIONS = dict(
    re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", (DOCS / "filters.md").read_text(), re.MULTILINE | re.DOTALL)
)


def example(name: str, kind: str = "yaml") -> str:
    """The first block of this kind in the section of a filter."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", SECTIONS[name], re.MULTILINE | re.DOTALL)
    return next(text for found, text in blocks if found == kind)


def chain(spec: GatewaySpec, path: bytes) -> list[Any]:
    """The filters that a request for this path meets."""
    route = routing_table(spec).match(b"shop.example", b"GET", path, lambda name: None)
    assert route is not None
    made = {}
    for one in spec.filters:
        module, _, factory = one.made_by.partition(":")
        made[one.name] = getattr(import_module(module), factory)(one.name, dict(one.options))
    return [made[name] for name in dict.fromkeys((*spec.listeners[0].filters, *route.filters))]


def sent(spec: GatewaySpec, head: bytes) -> tuple[bytes, bytes]:
    """What the service gets, and what the client gets."""
    path = head.split(b" ")[1].partition(b"?")[0]
    edge = Edge(filters=chain(spec, path))
    client, service = edge.pair(head)
    found = service.take()
    service.feed(OK.replace(b"\r\n\r\n", b"\r\nServer: s\r\nX-Powered-By: p\r\n\r\n"))
    answer = client.take()
    edge.end()
    return found, answer


def test_headers_do_what_the_page_shows(tmp_path: Path) -> None:
    asked, got = [], []
    for line in example("headers", "").splitlines():
        left, right = line[:46].strip(), line[46:].replace("──▶", "").strip()
        asked += [left] if left else []
        got += [right] if right else []
    head = "\r\n".join([*asked, "", ""]).encode()
    found, answer = sent(read(tmp_path, example("headers")), head)
    shown = [line for line in got if line != "..."]
    lines = found.decode().replace("x-route: all", "x-route: api").split("\r\n")
    assert [line for line in lines if line in shown] == shown
    assert "forged" not in found.decode()
    got_head = head_of(answer)
    assert b"strict-transport-security: max-age=31536000" in got_head and b"x-served-by: s\r\n" in got_head
    assert b"server: s" not in got_head and b"x-powered-by" not in got_head


ROWS = re.findall(r"^\| `(/\S*)` \| `(/\S*)` \|$", SECTIONS["rewrite"], re.MULTILINE)


@pytest.mark.parametrize(("asked", "expected"), ROWS, ids=[asked for asked, _ in ROWS])
def test_rewrite_does_what_the_page_shows(tmp_path: Path, asked: str, expected: str) -> None:
    found, _ = sent(read(tmp_path, example("rewrite")), f"GET {asked} HTTP/1.1\r\nHost: shop.example\r\n\r\n".encode())
    assert found.split(b" ")[1].decode() == expected


def test_the_page_has_rows() -> None:
    assert len(ROWS) == 5


def test_every_variable_is_documented() -> None:
    table = (DOCS / "configuration.md").read_text().partition("### Variables")[2]
    rows = re.findall(r"^\| (`\$\{.*?) \| (.*?) \|$", table, re.MULTILINE)
    known = {
        name: "not in `headers.request`" in text for cell, text in rows for name in re.findall(r"\$\{(.*?)\}", cell)
    }
    assert known.keys() == set(names(is_answer=True))
    assert {name for name, is_late in known.items() if not is_late} == set(names(is_answer=False))

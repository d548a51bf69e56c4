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
from fastgw.testing import GET, OK, Edge, body_of, statuses

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


def test_the_filter_knows_tenants() -> None:
    kind = plugins.find("tenant_filter:Tenant", plugins.FILTERS)
    edge = Edge(filters=[kind("tenants", plugins.options_of(kind, {"tenants": ["acme"], "field": "X-Who"}))])
    client, service = edge.pair(b"GET / HTTP/1.1\r\nHost: acme.test\r\nX-Who: wonka\r\n\r\n")
    request = service.take()
    assert b"x-who: acme\r\n" in request and b"wonka" not in request
    service.feed(OK)
    assert statuses(client.take()) == [200]
    client.feed(b"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n")
    assert statuses(client.take()) == [403]
    edge.end()


def test_the_transformer_makes_upper_case() -> None:
    kind = plugins.find("upper_transformer:Upper", plugins.TRANSFORMERS)
    edge = Edge(filters=[kind("text/upper", plugins.options_of(kind, {}))])
    for media_type, body in ((b"text/plain; charset=utf-8", b"ABC"), (b"text/html", b"abc")):
        client, service = edge.pair(GET)
        service.feed(b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: 3\r\n\r\nabc" % media_type)
        assert body in body_of(client.take())
        service.lose()
    edge.end()


@pytest.mark.parametrize(
    "name",
    [
        "test_words_are_counted",
        "test_users_are_found",
        "test_strangers_are_turned_away",
        "test_text_is_made_upper_case",
    ],
)
def test_its_own_tests_pass(name: str) -> None:
    runpy.run_path(str(FOLDER / "tests" / "test_parts.py"))[name]()


def test_every_part_has_an_entry_point_and_under_forty_lines() -> None:
    groups = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]["entry-points"]
    named = {reference.partition(":")[0] for group in groups.values() for reference in group.values()}
    files = {path.stem: len(path.read_text().splitlines()) for path in FOLDER.glob("*.py")}
    assert named == files.keys() and max(files.values()) < 40
    assert {f"fastgw.{one}" for one in ("filters", "transformers", "services")} == groups.keys()
    for group, entries in groups.items():
        for reference in entries.values():
            plugins.find(reference, group)


def test_the_configuration_is_right() -> None:
    inspection = inspect(FOLDER / "gateway.yaml", dict(os.environ), is_importing=True)
    assert not inspection.problems and not inspection.warnings

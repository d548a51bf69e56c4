"""``docs/filters.md``: its code runs, and its reference of the access log is complete."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest

from fastgw import plugins
from fastgw.config.filters import FILTERS
from fastgw.config.source import Document
from fastgw.core.exchange.filter import (
    DoneFilter,
    Filter,
    RefusedFilter,
    RequestBodyReader,
    RequestBodyTransformer,
    RequestFilter,
    ResponseBodyReader,
    ResponseBodyTransformer,
    ResponseFilter,
)
from fastgw.core.exchange.reply import Reply
from fastgw.core.settings import FilterSettings
from fastgw.core.snapshot.chain import FailureMode
from fastgw.filters.access_log import access_log
from fastgw.filters.log_file import FILES
from fastgw.testing.edge import GET, OK, POST, Edge, Gate, Spy, body_of, head_of, new_loop, statuses

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "filters.md").read_text()
AWAITABLE, BODIES, GATHERED, EXAMPLE, STORY, PLUGIN, ENTRY = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ON_HEADS = (RequestFilter, ResponseFilter, DoneFilter, RefusedFilter)
ACME = b"GET / HTTP/1.1\r\nHost: acme.example\r\nX-Tenant: other\r\n\r\n"


def run(code: str, **names: Any) -> dict[str, Any]:
    """The names that a block of the page defines, or used."""
    space: dict[str, Any] = {"__name__": "example", **names}
    exec(compile(code, "docs/filters.md", "exec", dont_inherit=True), space)
    return space


@pytest.fixture
def tenant(tmp_path: Path) -> Any:
    """The filter of the page, started."""
    (tmp_path / "tenants").write_text("acme\nwonka\n")
    made = run(EXAMPLE)["Tenant"]("tenant", {"path": str(tmp_path / "tenants")})
    made.start(new_loop())
    return made


def test_the_story_of_the_page(tenant: Any) -> None:
    run(STORY, tenant=tenant)


def test_what_the_client_claims_is_not_believed(tenant: Any) -> None:
    edge = Edge(filters=[tenant])
    client, service = edge.pair(ACME)
    assert [line for line in service.take().split(b"\r\n") if line[:9].lower() == b"x-tenant:"] == [b"x-tenant: acme"]
    service.feed(OK)
    assert b"vary: host\r\n" in client.take()
    edge.end()


def test_the_log_names_the_tenant(tenant: Any, tmp_path: Path) -> None:
    log = access_log("log", {"path": str(tmp_path / "log")})
    log.start(new_loop())
    edge = Edge(filters=[log, tenant])
    _, service = edge.pair(ACME)
    service.feed(OK)
    edge.client(GET.replace(b"a.test", b"who.example"))
    edge.end()
    log.stop()
    FILES.finish()
    known, unknown = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert known["tenant"] == "acme" and "tenant" not in unknown


@pytest.mark.parametrize(("host", "status", "code"), [(b"acme", 421, None), (b"who.example", 403, "unknown_tenant")])
def test_unknown_tenants_reach_no_service(tenant: Any, host: bytes, status: int, code: str | None) -> None:
    seen: list[Any] = []
    spy = Spy("spy", [], done=lambda exchange: seen.append(exchange.error and exchange.error.code))
    edge = Edge(filters=[spy, tenant])
    client = edge.client(GET.replace(b"a.test", host))
    answer = client.take()
    assert statuses(answer) == [status]
    assert b"vary: host\r\n" in answer
    assert not edge.attempts
    assert seen == [code]
    edge.end()


def test_failures_of_the_service_are_counted(tenant: Any) -> None:
    edge = Edge(filters=[tenant])
    edge.client(ACME)
    edge.refuse()
    edge.end()
    assert tenant.failures == {b"acme": 1}


def test_a_file_that_is_missing_refuses_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        run(EXAMPLE)["Tenant"]("tenant", {"path": str(tmp_path / "none")}).start(new_loop())


@pytest.mark.parametrize("is_welcome", [True, False])
def test_the_hook_that_waits(is_welcome: bool) -> None:
    loop = new_loop()
    asked = loop.create_future()

    async def ask(address: bytes) -> bool:
        assert address == b"127.0.0.1"
        return bool(await asked)

    edge = Edge(filters=[run(AWAITABLE, Reply=Reply)["Blocklist"]("list", ask)], loop=loop)
    client = edge.client(GET)
    assert not edge.attempts
    asked.set_result(is_welcome)
    edge.run()
    assert len(edge.attempts) == is_welcome
    assert statuses(client.take()) == ([] if is_welcome else [403])
    tasks = edge.loop.tasks_made
    other = edge.client(GET)  # from what is remembered
    assert statuses(other.take()) == ([] if is_welcome else [403])
    assert edge.loop.tasks_made == tasks + (1 if is_welcome else 0)  # a connection, no hook
    edge.end()


def test_a_hook_waits_as_long_as_the_page_says() -> None:
    assert "the filter's `timeout`" in PAGE and "504 `filter_timeout`" in PAGE
    for place in ("request", "response"):
        loop = new_loop()
        hook: dict[str, Any] = {place: Gate(loop)}
        modes = {"slow": FailureMode(FilterSettings("closed", 7.0), 0)}
        edge = Edge(filters=[Spy("slow", [], **hook)], modes=modes, loop=loop)
        if place == "request":
            client = edge.client(GET)
        else:
            client, service = edge.pair(GET)
            service.feed(OK)
        loop.advance(6.5)
        assert client.take() == b""
        loop.advance(1.0)
        answer = client.take()
        assert statuses(answer) == [504] and b"filter_timeout" in answer
        edge.end()


@pytest.mark.parametrize("takes_trailers", [True, False])
def test_the_filter_that_changes_bodies(takes_trailers: bool) -> None:
    edge = Edge(filters=[run(BODIES)["Shout"]("shout")])
    fields = b"Connection: TE\r\nTE: trailers\r\n\r\n" if takes_trailers else b"\r\n"
    client, service = edge.pair(GET[:-2] + fields)
    service.feed(OK.replace(b"\r\n", b"\r\nContent-Type: text/plain\r\n", 1))
    trailers = b"x-shouted: 2\r\n" if takes_trailers else b""
    assert client.take().endswith(b"\r\n\r\n3\r\nOK!\r\n0\r\n" + trailers + b"\r\n")
    client.feed(GET)
    service.feed(OK)
    assert client.take().endswith(b"\r\n\r\nok")
    edge.end()


def test_the_hooks_are_those_there_are() -> None:
    found = {
        name
        for one in (*ON_HEADS, RequestBodyReader, RequestBodyTransformer, ResponseBodyTransformer, ResponseBodyReader)
        for name in set(vars(one)) - set(vars(Filter))
    }
    hooks = {name for name in found if not name.startswith("_")}
    assert hooks == set(re.findall(r"^\| `(\w+)\((?:exchange|connection, error)\)`", PAGE, re.MULTILINE))


@pytest.mark.parametrize("attempts", [("served",), ("refused",)], ids=["served", "refused"])
def test_the_page_names_every_key_of_a_line(tmp_path: Path, attempts: tuple[str]) -> None:
    path = tmp_path / "log"
    log = access_log("log", {"path": str(path)})
    log.start(new_loop())
    edge = Edge(filters=[log])
    if attempts == ("served",):
        _, service = edge.pair(GET)
        service.feed(OK)
    else:
        edge.client(GET)
        edge.refuse()
    edge.end()
    log.stop()
    FILES.finish()
    table = PAGE.partition("## `access_log`")[2]
    keys = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)))
    optional = {"dropped", "sampled"} | ({"error", "fault", "detail"} if attempts == ("served",) else set())
    (line,) = path.read_text().splitlines()
    assert set(json.loads(line)) == set(keys) - optional
    assert set(json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])) == set(keys) - {"dropped", "sampled"}


@pytest.mark.parametrize(
    ("path", "expected"), [("tenants", []), ("none", ["gw:1:35: filters.t.path: there is no such file"])]
)
def test_the_entry_of_the_page(tmp_path: Path, path: str, expected: list[str]) -> None:
    (tmp_path / "tenants").write_text("acme")
    entry = run(ENTRY)["Tenant"]
    module, _, factory = entry.made_by.partition(":")
    assert (f"`{module.replace('.', '/')}.py`" in PAGE, run(EXAMPLE)[factory].__name__) == (True, "Tenant")
    document = Document("gw", {})
    document.parse(f"filters: {{t: {{type: tenant, path: {path}}}}}")
    options = entry.model_validate({"type": "tenant", "path": path}, context={"base": str(tmp_path)})
    assert options.path == str(tmp_path / path)
    options.check(document, ("filters", "t"))
    assert [str(problem) for problem in document.problems] == expected


def test_the_gathered_body_of_the_page() -> None:
    edge = Edge(filters=[run(GATHERED)["Squeeze"]("squeeze")])
    client = edge.client(POST + b"hel")
    assert not edge.attempts
    client.feed(b"lo")
    got = edge.connect().take()
    assert b"content-encoding: deflate" in head_of(got) and zlib.decompress(body_of(got)) == b"hello"
    edge.end()


def test_the_plugin_of_the_page() -> None:
    kind = run(PLUGIN)["Paid"]
    edge = Edge(filters=[kind("paid", plugins.options_of(kind, {"plans": ["team"]}))])
    client, service = edge.pair(GET.replace(b"\r\n\r\n", b"\r\nX-Plan: team\r\n\r\n"))
    service.feed(OK)
    client.feed(GET)
    assert statuses(client.take()) == [200, 402]
    edge.end()


def test_every_filter_has_its_section() -> None:
    pages = "".join(page.read_text() for page in DOCS.glob("*.md"))
    assert not [name for name in FILTERS if pages.count(f"\n## `{name}`\n") != 1]

"""Calls of the gateway itself: what is sent, what is an answer, why there is none, and that everything has a bound."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from fastgw.core.calls import KEPT_ALIVE, WAITING_MOST, Answered, AsMember, Caller, CallError
from fastgw.core.settings import Url
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.upstream import Connection, Received, UpstreamServer, canned, hold, response

Start = Callable[..., UpstreamServer]


def url(server: UpstreamServer, target: str = "/keys", **more: Any) -> Url:
    return Url(more.pop("is_tls", False), more.pop("host", "127.0.0.1"), server.port, target, **more)


def run(work: Callable[[], Awaitable[Any]], *, is_plain: bool = False) -> Any:
    """On the loop of a worker, or on the supervisor's."""

    async def whole() -> Any:
        return await work()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop if is_plain else uvloop.new_event_loop) as runner:
        return runner.run(whole())


def ask(where: Url, *, is_plain: bool = False, limit: float = 5.0, largest: int = 1000, **more: Any) -> Answered:
    async def work() -> Answered:
        caller = Caller(where, limit, largest, as_member=more.get("as_member"))
        try:
            return await caller.call(more.get("method", b"GET"), more.get("fields", ()), more.get("body", b""))
        finally:
            caller.close()

    found = run(work, is_plain=is_plain)
    assert isinstance(found, Answered)
    return found


def refused(where: Url, **more: Any) -> tuple[str, str]:
    """Cause and words."""
    with pytest.raises(CallError) as caught:
        ask(where, **more)
    return caught.value.cause, str(caught.value)


@pytest.mark.parametrize("is_plain", [True, False])
def test_what_is_sent_and_what_comes_back(service: Start, is_plain: bool) -> None:
    one = service(canned(response(b'{"keys": []}', fields=[("x-A", " b "), ("X-a", "c")])))
    found = ask(url(one, "/a?b=c"), is_plain=is_plain, method=b"POST", fields=[(b"accept", b"*/*")], body=b"token=x")
    assert (found.status, found.body, found.values(b"x-a")) == (200, b'{"keys": []}', [b"b", b"c"])
    (request,) = one.requests
    assert (request.method, request.target, request.body) == (b"POST", b"/a?b=c", b"token=x")
    assert request.header(b"host") == f"127.0.0.1:{one.port}".encode() and request.header(b"accept") == b"*/*"
    assert request.header(b"accept-encoding") == b"identity" and request.header(b"content-length") == b"7"


def test_nothing_of_a_field_begins_another_line() -> None:
    where = Url(False, "127.0.0.1", 1, "/")
    for field in ((b"a", b"b\r\nc: d"), (b"a\n", b"b"), (b"a", b"\0")):
        with pytest.raises(ValueError, match="character"):
            ask(where, fields=[field])


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-encoding: identity\r\nconnection: close\r\n\r\nhello",
    ],
)
def test_a_body_in_whatever_framing(service: Start, data: bytes) -> None:
    found = ask(url(service(canned(data))))
    assert (found.status, found.body, found.values(b"link")) == (200, b"hello", [])


def test_a_body_that_ends_with_its_connection(service: Start) -> None:
    def script(request: Received, connection: Connection) -> None:
        connection.send(b"HTTP/1.0 200 OK\r\n\r\nhello")
        connection.close()

    assert ask(url(service(script))).body == b"hello"


def test_no_redirect_is_followed(service: Start) -> None:
    other = service()
    fields = [("location", f"http://{other.address}/")]
    found = ask(url(service(canned(response(status="302 Found", fields=fields)))))
    assert found.status == 302 and not other.requests


def test_no_proxy_is_used(service: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = service()
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://{proxy.address}")
    assert ask(url(service(canned(response(b"x"))))).body == b"x" and not proxy.connections


# --- why there is no answer


def test_a_port_that_nobody_has() -> None:
    cause, detail = refused(Url(False, "127.0.0.1", free_port(), "/k?secret"))
    assert cause == "refused" and "refused the connection" in detail and "secret" not in detail


@pytest.mark.parametrize("is_plain", [True, False])
def test_a_name_that_nobody_has(is_plain: bool) -> None:
    assert refused(Url(True, "nobody.invalid", 443, "/"), is_plain=is_plain)[0] == "unresolved"


def test_a_name_that_is_not_this_host_is_not_asked_without_tls(service: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    one = service(canned(response(b"x")))
    assert ask(url(one, host="localhost")).body == b"x"
    monkeypatch.setattr("ipaddress.IPv4Address.is_loopback", False)
    assert refused(url(one, host="localhost"))[0] == "unresolved"
    assert len(one.requests) == 1
    assert ask(url(one, host="localhost"), as_member=AsMember(None, "localhost")).body == b"x"  # as requests go there


@pytest.mark.parametrize("is_plain", [True, False])
def test_certificates_are_verified(service: Start, tmp_path: Path, is_plain: bool) -> None:
    authority, other = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    one = service(canned(response(b"x")), tls=authority.server(*authority.pair("idp", "localhost")))
    assert ask(url(one, is_tls=True, host="localhost", ca=authority.ca), is_plain=is_plain).body == b"x"
    for wrong in (
        url(one, is_tls=True, host="localhost", ca=other.ca),
        url(one, is_tls=True, host="localhost"),
        url(one, is_tls=True, host="127.0.0.1", ca=authority.ca),
    ):
        cause, detail = refused(wrong, is_plain=is_plain)
        assert cause == "tls" and "certificate verify failed" in detail


def test_a_member_is_asked_by_the_terms_of_its_service(service: Start, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one = service(canned(response(b"x")), tls=authority.server(*authority.pair("llm", "llm.test")))
    context = ssl.create_default_context(cafile=authority.ca)
    assert ask(url(one, is_tls=True), as_member=AsMember(context, "llm.test")).body == b"x"
    assert refused(url(one, is_tls=True), as_member=AsMember(context, "other.test"))[0] == "tls"


def test_what_speaks_no_tls(service: Start, tmp_path: Path) -> None:
    def script(request: Received, connection: Connection) -> None:
        raise AssertionError("no request is read")

    assert refused(url(service(script), is_tls=True, ca=Authority(tmp_path).ca), limit=0.3)[0] in ("tls", "timeout")


def test_a_file_of_authorities_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        Caller(Url(True, "a.test", 443, "/", str(tmp_path / "none.pem")), 1.0, 1)


def test_silence_has_a_bound(service: Start) -> None:
    event = threading.Event()
    one = service(hold(event))
    assert refused(url(one), limit=0.05) == ("timeout", f"http://{one.address}/keys did not answer within 0.05 s")
    event.set()


def test_drops_of_an_answer_have_the_same_bound(service: Start) -> None:
    """The bound is of all of it, not of each read."""
    event = threading.Event()

    def script(request: Received, connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
        while not event.wait(0.01):
            connection.send(b"x")

    assert refused(url(service(script)), limit=0.1)[0] == "timeout"
    event.set()


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (response(b"x" * 1001), "too_large"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"x" * 70_000, "too_large"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", "broken"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "broken"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc", "broken"),
        (b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", "broken"),
        (response(b"x", fields=[("content-encoding", "gzip")]), "broken"),
        (b"", "broken"),
    ],
)
def test_what_is_no_answer(service: Start, data: bytes, cause: str) -> None:
    def script(request: Received, connection: Connection) -> None:
        connection.send(data)
        connection.close()

    assert refused(url(service(script)))[0] == cause


# --- connections


def test_a_connection_is_used_again(service: Start) -> None:
    one = service(canned(response(b"x")))

    async def work() -> None:
        caller = Caller(url(one), 5.0, 100, connections=2)
        for _ in range(3):
            await caller.call(b"GET")
        await asyncio.gather(*(caller.call(b"GET") for _ in range(6)))
        caller.close()
        await caller.call(b"GET")  # and none is kept any more

    run(work)
    assert len(one.requests) == 10 and one.connections == 3


def test_a_kept_connection_that_ended_is_replaced(service: Start) -> None:
    answers = iter([response(b"1"), b"", response(b"2")])

    def script(request: Received, connection: Connection) -> None:
        data = next(answers)
        if not data:
            connection.close()  # as a service does whose patience ends just now
        connection.send(data)

    one = service(script)

    async def work() -> list[bytes]:
        caller = Caller(url(one), 5.0, 100)
        found = [(await caller.call(b"GET")).body for _ in range(2)]
        caller.close()
        return found

    assert run(work) == [b"1", b"2"] and one.connections == 2


def test_a_connection_that_says_more_than_it_was_asked_is_not_used_again(service: Start) -> None:
    one = service(canned(response(b"x") + response(b"forged")))

    async def work() -> list[bytes]:
        caller = Caller(url(one), 5.0, 100)
        found = [(await caller.call(b"GET")).body for _ in range(3)]
        caller.close()
        return found

    assert run(work) == [b"x"] * 3 and one.connections == 3


def test_too_many_calls_are_not_made(service: Start) -> None:
    event = threading.Event()
    one = service(hold(event, canned(response(b"x"))))

    async def work() -> None:
        caller = Caller(url(one), 5.0, 100)
        waiting = [asyncio.ensure_future(caller.call(b"GET")) for _ in range(WAITING_MOST)]
        await asyncio.sleep(0)
        with pytest.raises(CallError) as caught:
            await caller.call(b"GET")
        assert caught.value.cause == "busy"
        event.set()
        await asyncio.gather(*waiting)
        await caller.call(b"GET")
        caller.close()

    run(work)
    assert one.connections == 1


def test_who_does_not_wait_any_more_leaves_no_connection_behind(service: Start) -> None:
    event = threading.Event()
    closed = threading.Event()

    def script(request: Received, connection: Connection) -> None:
        connection.wait_closed()
        closed.set()

    one = service(script)

    async def work() -> None:
        caller = Caller(url(one), 5.0, 100)
        task = asyncio.ensure_future(caller.call(b"GET"))
        while not one.requests:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.get_running_loop().run_in_executor(None, closed.wait, 5)
        assert caller._under_way == 0
        caller.close()

    run(work)
    assert closed.is_set()
    event.set()


@pytest.mark.parametrize(
    ("where", "authority", "shown"),
    [
        (Url(True, "a.test", 443, "/k?s=1"), "a.test", "https://a.test/k"),
        (Url(True, "a.test", 8443, "/k"), "a.test:8443", "https://a.test:8443/k"),
        (Url(False, "::1", 80, "/"), "[::1]", "http://[::1]/"),
    ],
)
def test_how_a_place_is_told(where: Url, authority: str, shown: str) -> None:
    assert (where.authority, str(where)) == (authority, shown)


@pytest.mark.parametrize("is_plain", [True, False])
def test_the_kernel_notices_that_nobody_is_there(service: Start, is_plain: bool) -> None:
    """An answer may be waited for as long as five minutes (a blocking query): the path to it may go meanwhile."""
    one = service(canned(response()))

    async def work() -> list[int]:
        caller = Caller(url(one), 5.0, 100)
        connection = await caller.connect(_Kept())
        sock = connection.transport.get_extra_info("socket")
        found = [sock.getsockopt(socket.IPPROTO_TCP, option) for option in KEPT_ALIVE]
        found.append(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        connection.transport.abort()
        return found

    assert run(work, is_plain=is_plain) == [*KEPT_ALIVE.values(), 1]


class _Kept(asyncio.Protocol):
    transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

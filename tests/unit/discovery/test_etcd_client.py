"""The client of etcd's gateway: what is sent, who is asked, whose token it is, and each way to have no answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import uvloop

from fastgw.core.sources import ClientTls, EtcdSettings
from fastgw.discovery import etcd_client
from fastgw.discovery.etcd_client import EtcdClient, EtcdError, decoded, encoded, number, text
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.upstream import Connection, Received, UpstreamServer, canned, chunks, response

Start = Callable[..., UpstreamServer]
RANGE = "/v3/kv/range"


def answer(found: Any, status: str = "200 OK") -> bytes:
    return response(found if isinstance(found, bytes) else json.dumps(found).encode(), status=status)


def says(code: int, message: str, status: str = "400 Bad Request") -> bytes:
    return answer({"error": message, "message": message, "code": code}, status)


def client(*ports: int, **more: Any) -> EtcdClient:
    return EtcdClient(EtcdSettings(tuple((more.pop("is_tls", False), "127.0.0.1", port) for port in ports), "", **more))


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        return await work()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(whole())


def ask(one: EtcdClient, message: dict[str, Any] | None = None) -> dict[str, Any]:
    async def work() -> dict[str, Any]:
        with one.used():
            return await one.ask(RANGE, message or {})

    found = run(work)
    assert isinstance(found, dict)
    return found


def refused(one: EtcdClient) -> EtcdError:
    with pytest.raises(EtcdError) as caught:
        ask(one)
    return caught.value


def stream(one: EtcdClient, count: int = 100) -> list[dict[str, Any]]:
    """The first results of a watch."""

    async def work() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        with one.used():
            async with aclosing(one.results("/v3/watch", {"create_request": {}}, 0, 5.0)) as results:
                async for result in results:
                    found.append(result)
                    if len(found) == count:
                        break
        return found

    found: list[dict[str, Any]] = run(work)
    return found


def test_what_is_sent_and_what_comes_back(service: Start) -> None:
    one = service(canned(answer({"count": "3"})))
    assert ask(client(one.port), {"key": encoded(b"a")}) == {"count": "3"}
    (request,) = one.requests
    assert (request.method, request.target, json.loads(request.body)) == (b"POST", RANGE.encode(), {"key": "YQ=="})
    assert request.header(b"authorization") is None and request.header(b"content-type") == b"application/json"


@pytest.mark.parametrize(
    ("data", "cause", "words"),
    [
        (says(7, "etcdserver: permission denied", "403 Forbidden"), "denied", "permission denied"),
        (says(3, "etcdserver: user name is empty"), "denied", "user name is empty"),
        (says(3, "etcdserver: key is not provided"), "rejected", "key is not"),
        (says(11, "etcdserver: mvcc: required revision has been compacted"), "compacted", "compacted"),
        (says(5, "etcdserver: requested lease not found", "404 Not Found"), "missing", "lease"),
        (says(14, "etcdserver: no leader", "503 Service Unavailable"), "unavailable", "no leader"),
        (answer({"error": {"grpc_code": 14, "message": "transport is closing"}}), "unavailable", "closing"),
        (answer({"error": {"code": "x"}}), "unavailable", "says"),
        (answer({"error": 5}), "broken", "none of etcd"),
        (says(7, "a\x1b[31m" + "x" * 1000), "denied", "a\\x1b"),
        (answer(b"Not Found", "404 Not Found"), "broken", "3.4 or later"),
        (answer(b"[]"), "broken", "3.4 or later"),
        (answer(b"[" * 100_000), "broken", "3.4 or later"),
        (answer({}, "500 Oops"), "broken", "500"),
        (answer(b"x" * (etcd_client.ANSWER_MOST + 1)), "too_large", "larger"),
    ],
)
def test_what_is_no_answer(service: Start, data: bytes, cause: str, words: str) -> None:
    error = refused(client(service(canned(data)).port))
    assert error.cause == cause and words in error.detail and len(error.detail) < 320 and error.detail.isprintable()


def test_who_does_not_answer_is_passed_over_and_the_one_that_did_is_asked_first(service: Start) -> None:
    ill, well = service(canned(says(14, "etcdserver: no leader"))), service(canned(answer({"count": "1"})))
    one = client(free_port(), ill.port, well.port)
    assert ask(one) == ask(one) == {"count": "1"}
    assert (len(ill.requests), len(well.requests), one.order) == (1, 2, [2, 0, 1])


def test_when_nobody_answers_the_reasons_of_all_are_told(service: Start) -> None:
    ill = service(canned(says(14, "etcdserver: no leader")))
    error = refused(client(free_port(), ill.port))
    assert error.cause == "unavailable" and "refused the connection; " in error.detail and "no leader" in error.detail


def test_who_says_no_is_not_passed_over(service: Start) -> None:
    first, second = service(canned(says(7, "etcdserver: permission denied"))), service(canned(answer({})))
    assert refused(client(first.port, second.port)).code == 7 and not second.requests


# --- who asks


class Gate:
    """Asks for a token, and makes a new one each time."""

    def __init__(self) -> None:
        self.tokens = 0
        self.refusal = says(16, "etcdserver: invalid auth token", "401 Unauthorized")

    def __call__(self, request: Received, connection: Connection) -> None:
        if request.target.endswith(b"authenticate"):
            known = json.loads(request.body) == {"name": "fastgw", "password": "secret"}
            self.tokens += known
            no = says(3, "etcdserver: authentication failed, invalid user ID or password")
            connection.send(answer({"token": f"t.{self.tokens}"}) if known else no)
        elif request.header(b"authorization") == f"t.{self.tokens}".encode():
            connection.send(answer({"count": "1"}))
        else:
            connection.send(self.refusal)


@pytest.mark.parametrize(
    "refusal", [(16, "etcdserver: invalid auth token"), (3, "etcdserver: revision of auth store is old")]
)
def test_a_token_is_asked_for_once_and_again_when_it_is_refused(service: Start, refusal: tuple[int, str]) -> None:
    gate = Gate()
    gate.refusal = says(*refusal)
    server = service(gate)
    one = client(server.port, user="fastgw", password="secret")

    async def work() -> None:
        with one.used():
            await asyncio.gather(*(one.ask(RANGE, {}) for _ in range(20)))
            assert gate.tokens == 1
            gate.tokens += 1  # it forgets the one it gave
            await asyncio.gather(*(one.ask(RANGE, {}) for _ in range(20)))

    run(work)
    assert gate.tokens == 3


def test_wrong_credentials_are_said_to_be(service: Start) -> None:
    error = refused(client(service(Gate()).port, user="fastgw", password="guess"))
    assert error.cause == "denied" and "invalid user ID or password" in error.detail and "guess" not in error.detail


def test_a_token_that_is_refused_for_ever_is_asked_for_twice(service: Start) -> None:
    def script(request: Received, connection: Connection) -> None:
        is_token = request.target.endswith(b"authenticate")
        connection.send(answer({"token": "t"}) if is_token else says(16, "etcdserver: invalid auth token"))

    server = service(script)
    assert refused(client(server.port, user="fastgw")).cause == "denied" and len(server.requests) == 4


def test_a_cluster_without_authentication_is_asked_without_a_token(service: Start) -> None:
    def script(request: Received, connection: Connection) -> None:
        is_token = request.target.endswith(b"authenticate")
        no = says(9, "etcdserver: authentication is not enabled", "412 Precondition Failed")
        connection.send(no if is_token else answer({"count": "1"}))

    server = service(script)
    assert ask(client(server.port, user="fastgw")) == {"count": "1"}
    assert server.requests[-1].header(b"authorization") is None


# --- TLS


def test_tls_with_a_certificate_of_its_own(service: Start, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    context = authority.server(*authority.pair("etcd", "etcd.test"), requires=authority.ca)
    server = service(canned(answer({"count": "1"})), tls=context)
    cert, key = authority.pair("gateway")
    good = ClientTls(authority.ca, cert, key, "etcd.test")
    assert ask(client(server.port, is_tls=True, tls=good)) == {"count": "1"}
    for wrong in (
        good._replace(ca=other.ca),
        good._replace(server_name=""),
        good._replace(cert="", key=""),
        good._replace(ca=str(tmp_path / "none")),
        good._replace(key=other.pair("x")[1]),
    ):
        assert refused(client(server.port, is_tls=True, tls=wrong)).cause in ("tls", "broken")


def test_files_of_tls_are_read_again_when_it_fails(service: Start, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    server = service(canned(answer({"count": "1"})), tls=authority.server(*authority.pair("etcd", "127.0.0.1")))
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(Path(other.ca).read_bytes())
    one = client(server.port, is_tls=True, tls=ClientTls(str(trusted)))

    async def work() -> None:
        with one.used():
            with pytest.raises(EtcdError, match="certificate verify failed"):
                await one.ask(RANGE, {})
            trusted.write_bytes(Path(authority.ca).read_bytes())
            assert await one.ask(RANGE, {}) == {"count": "1"}

    run(work)


# --- streams


def results(*found: Any) -> list[bytes]:
    return [json.dumps(one).encode() + b"\n" for one in found]


def test_results_are_the_same_however_their_bytes_come(service: Start) -> None:
    wanted = [{"created": True}, {"events": [{"kv": {"key": "é"}}]}, {}]
    data = b"".join(results(*({"result": one} for one in wanted)))
    for size in (1, 7, len(data)):
        parts = [data[begin : begin + size] for begin in range(0, len(data), size)]
        assert stream(client(service(chunks(parts)).port), 3) == wanted


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        ({"error": {"grpc_code": 14, "http_code": 503, "message": "transport is closing"}}, "unavailable"),
        ({"result": 5}, "broken"),
        ("text", "broken"),
        ({"result": {"canceled": True, "cancel_reason": "rpc error: code = PermissionDenied desc = denied"}}, "denied"),
        (
            {
                "result": {
                    "canceled": True,
                    "cancel_reason": "rpc error: code = InvalidArgument desc = user name is empty",
                }
            },
            "denied",
        ),
        (
            {
                "result": {
                    "canceled": True,
                    "cancel_reason": "rpc error: code = Unauthenticated desc = invalid auth token",
                }
            },
            "unavailable",
        ),
        ({"result": {"canceled": True, "cancel_reason": "no leader"}}, "unavailable"),
        ({"result": {"canceled": True, "cancel_reason": 5}}, "broken"),
    ],
)
def test_what_ends_a_stream(service: Start, found: Any, cause: str) -> None:
    server = service(chunks(results({"result": {"created": True}}, found)))
    with pytest.raises(EtcdError) as caught:
        stream(client(server.port))
    assert caught.value.cause == cause


def test_a_stream_that_ends_is_no_stream(service: Start) -> None:
    with pytest.raises(EtcdError, match="ended the stream"):
        stream(client(service(chunks(results({"result": {}}))).port))


def test_a_compacted_watch_is_a_result(service: Start) -> None:
    found = {"canceled": True, "compact_revision": "4"}
    assert stream(client(service(chunks(results({"result": found}))).port), 1) == [found]


def test_a_stream_refuses_its_token_for_the_next(service: Start) -> None:
    gate = Gate()
    found = {
        "canceled": True,
        "cancel_reason": "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token",
    }

    def script(request: Received, connection: Connection) -> None:
        if request.target == b"/v3/watch":
            chunks(results({"result": found}))(request, connection)
        else:
            gate(request, connection)

    one = client(service(script).port, user="fastgw", password="secret")
    with pytest.raises(EtcdError, match="does not know the token"):
        stream(one)
    assert gate.tokens == 1
    assert ask(one) == {"count": "1"} and gate.tokens == 2


def test_a_message_has_a_bound(service: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etcd_client, "LINE_MOST", 1000)
    with pytest.raises(EtcdError, match="larger than 1000 bytes"):
        stream(client(service(chunks([b"x" * 600, b"x" * 600])).port))


# --- protobuf's JSON


def test_values_are_read_strictly() -> None:
    assert (decoded(encoded(b"\xff")), decoded(None), number("7"), number(None), number(7), text(None)) == (
        b"\xff",
        b"",
        7,
        0,
        7,
        "",
    )
    for read, value in ((decoded, "?"), (decoded, 5), (number, "x"), (number, []), (text, {}), (number, "9" * 5000)):
        with pytest.raises(EtcdError):
            read(value)

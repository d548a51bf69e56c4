"""Calls of gRPC that the gateway itself makes: to servers of grpcio, and to peers that say what a test has them say."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from fastgw.core.calls import AsMember, CallError
from fastgw.core.grpc_calls import CallStatusError, GrpcCaller
from fastgw.core.settings import Url
from fastgw.wire.http2 import frame_kinds as kinds
from fastgw.wire.http2 import frames
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.settings import INITIAL_WINDOW_SIZE, settings_frame
from tests.support.certificates import Authority
from tests.support.interop import SPECIAL, TEST, messages, serving
from tests.support.ports import free_port
from tests.support.upstream import UpstreamServer, canned, response

ECHO = "/p.Echo/Say"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as found:
        yield found


def with_caller(work: Callable[[GrpcCaller], Awaitable[Any]], where: Url, *, limit: float = 5.0, **more: Any) -> Any:
    async def whole() -> Any:
        caller = GrpcCaller(where, limit, more.pop("largest", 1 << 20), **more)
        try:
            return await work(caller)
        finally:
            caller.close()

    return asyncio.run(whole())


def at(port: int, *, is_tls: bool = False, **more: Any) -> Url:
    return Url(is_tls, more.pop("host", "127.0.0.1"), port, "/", **more)


def unary(**said: Any) -> list[bytes]:
    return [messages().SimpleRequest(**said).SerializeToString()]


# --- servers of grpcio


def test_calls_of_every_kind_on_one_connection(port: int) -> None:
    async def work(caller: GrpcCaller) -> None:
        assert await caller.ask(f"/{TEST}/EmptyCall", [b""]) == [b""]
        large = unary(response_size=314159, payload={"body": bytes(271828)})  # more than any window at first
        (answer,) = await caller.ask(f"/{TEST}/UnaryCall", large)
        assert messages().SimpleResponse.FromString(answer).payload.body == bytes(314159)
        asked = [messages().StreamingInputCallRequest(payload={"body": bytes(9)}).SerializeToString()] * 3
        (answer,) = await caller.ask(f"/{TEST}/StreamingInputCall", asked)
        assert messages().StreamingInputCallResponse.FromString(answer).aggregated_payload_size == 27
        sizes = [{"size": 5}, {"size": 0}, {"size": 7}]
        asked = [messages().StreamingOutputCallRequest(response_parameters=sizes).SerializeToString()]
        assert len(await caller.ask(f"/{TEST}/StreamingOutputCall", asked)) == 3
        assert await caller.ask(f"/{TEST}/FullDuplexCall", []) == []
        assert len(caller._idle) == 1

    with_caller(work, at(port))


def test_many_at_once_are_bounded(port: int) -> None:
    async def work(caller: GrpcCaller) -> None:
        found = await asyncio.gather(*(caller.ask(f"/{TEST}/EmptyCall", [b""]) for _ in range(20)))
        assert found == [[b""]] * 20 and len(caller._idle) == 2
        with pytest.raises(CallError, match="are under way"):
            await asyncio.gather(*(caller.ask(f"/{TEST}/EmptyCall", [b""]) for _ in range(33)))

    with_caller(work, at(port), connections=2)


def test_messages_may_be_compressed(port: int) -> None:
    async def work(caller: GrpcCaller) -> None:
        asked = [gzip.compress(unary(response_size=3, payload={"body": bytes(9999)})[0])]
        fields = [(b"grpc-encoding", b"gzip")]
        (answer,) = await caller.ask(f"/{TEST}/UnaryCall", asked, fields, are_compressed=True)
        assert messages().SimpleResponse.FromString(answer).payload.body == bytes(3)

    with_caller(work, at(port))


def test_another_status_than_ok_is_told(port: int) -> None:
    async def work(caller: GrpcCaller) -> CallStatusError:
        with pytest.raises(CallStatusError) as caught:
            await caller.ask(f"/{TEST}/UnaryCall", unary(response_status={"code": 9, "message": SPECIAL}))
        with pytest.raises(CallStatusError) as other:
            await caller.ask("/nobody.Knows/This", [b""])
        assert other.value.code == 12
        return caught.value

    found = with_caller(work, at(port))
    assert (found.code, found.message, found.cause) == (9, SPECIAL, "status")
    assert "grpc-status 9: " in str(found)


def test_an_answer_that_is_too_large(port: int) -> None:
    async def work(caller: GrpcCaller) -> None:
        with pytest.raises(CallError, match="larger than 1000 bytes") as caught:
            await caller.ask(f"/{TEST}/UnaryCall", unary(response_size=2000))
        assert caught.value.cause == "too_large"

    with_caller(work, at(port), largest=1000)


def test_tls_offers_http2_and_certificates_are_verified(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    certificate, key = (Path(one).read_bytes() for one in authority.pair("idp", "localhost"))
    server = grpc.server(ThreadPoolExecutor(2))
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(key, certificate)]))
    server.start()

    async def work(caller: GrpcCaller) -> int:
        with pytest.raises(CallError) as caught:
            await caller.ask(ECHO, [b""])
        return caught.value.code if isinstance(caught.value, CallStatusError) else -1

    try:
        assert with_caller(work, at(port, is_tls=True, host="localhost", ca=authority.ca)) == 12
        assert with_caller(work, at(port, is_tls=True, host="localhost", ca=other.ca)) == -1
    finally:
        server.stop(None).wait()


def test_a_server_that_does_not_choose_http2(service: Callable[..., UpstreamServer], tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one = service(canned(response(b"x")), tls=authority.server(*authority.pair("idp", "localhost")))

    async def work(caller: GrpcCaller) -> None:
        with pytest.raises(CallError, match="does not speak HTTP/2"):
            await caller.ask(ECHO, [b""])

    with_caller(work, at(one.port, is_tls=True, host="localhost", ca=authority.ca))


def test_nobody_there() -> None:
    async def work(caller: GrpcCaller) -> None:
        with pytest.raises(CallError, match="refused the connection"):
            await caller.ask(ECHO, [b""])

    with_caller(work, at(free_port()))


# --- peers that say what a test has them say


class Peer(asyncio.Protocol):
    """Answers each call by what ``script`` returns: bytes, for the number of its stream; ``None``: the connection ends."""

    def __init__(self, script: Callable[[int], bytes | None]) -> None:
        self._script = script
        self._reader = frames.FrameReader(1 << 16)
        self._is_begun = False
        self.encoder = FieldEncoder()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._is_begun:
            self._is_begun = True
            data = data.removeprefix(kinds.PREFACE)
            self._transport.write(settings_frame({}))
        self._reader.feed(data)
        while (kind := self._reader.read()) != kinds.NONE:
            if kind == kinds.DATA and self._reader.flags & kinds.END_STREAM:
                said = self._script(self._reader.stream)
                if said is None:
                    self._transport.abort()
                    return
                self._transport.write(said)


def told_by(script: Callable[[int], bytes | None], *, limit: float = 5.0, calls: int = 1) -> list[Any]:
    """What each of so many calls is answered by such a peer: messages, or the error."""

    async def whole() -> list[Any]:
        server = await asyncio.get_running_loop().create_server(lambda: Peer(script), "127.0.0.1", 0)
        caller = GrpcCaller(at(server.sockets[0].getsockname()[1]), limit, 1000, as_member=AsMember(None, "a.test"))
        found: list[Any] = []
        try:
            for _ in range(calls):
                try:
                    found.append(await caller.ask(ECHO, [b"abc"]))
                except CallError as error:
                    found.append(error)
            return found
        finally:
            caller.close()
            server.close()

    return asyncio.run(whole())


def head(
    stream: int, lines: bytes = b"content-type: application/grpc\r\n", *, status: int = 200, last: bool = False
) -> bytes:
    return frames.headers(stream, FieldEncoder().response(status, lines), last)


def data(stream: int, payload: bytes, *, last: bool = False) -> bytes:
    return frames.data_head(stream, len(payload), last) + payload


def end(stream: int, lines: bytes = b"grpc-status: 0\r\n") -> bytes:
    return frames.headers(stream, FieldEncoder().trailers(lines), True)


MESSAGE = b"\0\0\0\0\2ok"


def test_an_answer_between_frames_that_are_none_of_it() -> None:
    def script(stream: int) -> bytes:
        return (
            frames.ping(b"12345678", False)
            + settings_frame({INITIAL_WINDOW_SIZE: 1})
            + head(stream, b"", status=103)
            + head(stream)
            + data(stream, MESSAGE[:3])
            + frames.frame(0x42, 0, 0, b"unknown")
            + data(stream, MESSAGE[3:])
            + end(stream)
        )

    assert told_by(script, calls=1) == [[b"ok"]]


@pytest.mark.parametrize(
    ("script", "cause", "words"),
    [
        (lambda at: head(at, last=True), "broken", "without a grpc-status"),
        (lambda at: head(at) + data(at, MESSAGE, last=True), "broken", "without a grpc-status"),
        (lambda at: head(at) + data(at, MESSAGE[:6]) + end(at), "broken", "is cut"),
        (lambda at: head(at) + data(at, b"\x01" + MESSAGE[1:]) + end(at), "broken", "is compressed"),
        (lambda at: frames.reset(at, 7), "broken", "REFUSED_STREAM"),
        (lambda at: data(at, MESSAGE), "broken", "in front of HEADERS"),
        (lambda at: frames.frame(5, 4, at, b"\0\0\0\2"), "broken", "PUSH_PROMISE"),
        (lambda at: frames.goaway(0, 11, "calm"), "broken", "ENHANCE_YOUR_CALM"),
        (lambda at: frames.goaway(0, 0), "broken", "without an answer"),
        (lambda at: frames.ping(bytes(8), True) * 1001, "broken", "1001 frames"),
        (lambda at: frames.headers(at, b"\xff\xff\xff", False), "broken", "COMPRESSION_ERROR"),
        (lambda at: head(at, b"x: " + b"a" * 70_000 + b"\r\n"), "broken", "ENHANCE_YOUR_CALM"),
        (lambda at: None, "broken", "without an answer"),
        (lambda at: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "broken", "no HTTP/2"),
    ],
)
def test_what_is_no_answer(script: Callable[[int], bytes | None], cause: str, words: str) -> None:
    (found,) = told_by(script)
    assert isinstance(found, CallError) and not isinstance(found, CallStatusError)
    assert (found.cause, words in str(found)) == (cause, True), found


@pytest.mark.parametrize(
    ("status", "kind", "code"), [(200, b"text/html", 2), (404, b"text/html", 12), (503, b"application/grpc", 14)]
)
def test_an_answer_of_http_is_a_status_of_grpc(status: int, kind: bytes, code: int) -> None:
    (found,) = told_by(lambda at: head(at, b"content-type: " + kind + b"\r\n", status=status, last=True))
    assert isinstance(found, CallStatusError) and found.code == code and f"answered {status}" in str(found)


def test_an_answer_in_front_of_the_end_of_a_large_request() -> None:
    """The rest is not sent, and the connection is as good as before."""

    class Hasty(Peer):
        def data_received(self, data: bytes) -> None:
            self._reader.feed(data.removeprefix(kinds.PREFACE))
            while (kind := self._reader.read()) != kinds.NONE:
                if kind == kinds.HEADERS:
                    self._transport.write(settings_frame({}) + head(self._reader.stream) + end(self._reader.stream))

    async def whole() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Hasty(lambda _: None), "127.0.0.1", 0)
        caller = GrpcCaller(at(server.sockets[0].getsockname()[1]), 5.0, 1000)
        for _ in range(2):
            assert await caller.ask(ECHO, [bytes(200_000)]) == [] and len(caller._idle) == 1
        caller.close()
        server.close()

    asyncio.run(whole())


def test_an_answer_that_breaks_off() -> None:
    def script(stream: int) -> bytes:
        return head(stream) + data(stream, MESSAGE)

    (found,) = told_by(script, limit=0.2)
    assert found.cause == "timeout"


def test_a_connection_that_says_goaway_is_not_kept_and_its_answer_is_one() -> None:
    streams = []

    def script(stream: int) -> bytes:
        streams.append(stream)
        return frames.goaway(stream, 0) + head(stream) + data(stream, MESSAGE) + end(stream)

    assert told_by(script, calls=2) == [[b"ok"], [b"ok"]]
    assert streams == [1, 1]


def test_a_kept_connection_that_ends_is_asked_on_another() -> None:
    streams = []

    def script(stream: int) -> bytes | None:
        streams.append(stream)
        return None if stream == 3 else head(stream) + data(stream, MESSAGE) + end(stream)

    assert told_by(script, calls=2) == [[b"ok"], [b"ok"]]
    assert streams == [1, 3, 1]

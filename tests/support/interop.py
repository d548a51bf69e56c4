"""Cases by which implementations of gRPC try each other (grpc's ``doc/interop-test-descriptions.md``), as client and server of grpcio.

    with serving() as port, dialed(port) as service:
        CASES["ping_pong"](service)

Those with accounts of a cloud are left out, and so is what grpcio does not show: whether a message came compressed.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_tools import protoc

PROTO: Final = Path(__file__).with_name("interop.proto")
TEST: Final = "grpc.testing.TestService"
ABSENT: Final = "grpc.testing.UnimplementedService"
LIMIT: Final = 10.0  #: seconds that a call may take

SENT: Final = (27182, 8, 1828, 45904)  #: bytes of the messages of a stream
ANSWERED: Final = (31415, 9, 2653, 58979)
SPECIAL: Final = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
INITIAL: Final = "x-grpc-test-echo-initial"
TRAILING: Final = "x-grpc-test-echo-trailing-bin"


class Messages:
    """The classes of ``interop.proto``."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            out = f"{folder}/set"
            assert not protoc.main(["", f"-I{PROTO.parent}", f"--descriptor_set_out={out}", PROTO.name])
            self.descriptors = Path(out).read_bytes()  #: a ``FileDescriptorSet``
        self.pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(self.descriptors).file:
            self.pool.Add(file)

    def __getattr__(self, name: str) -> Any:
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(f"grpc.testing.{name}"))

    def method(self, service: str, name: str) -> tuple[Any, Any, bool, bool]:
        """Classes of request and answer, and whether each comes as a stream."""
        found = self.pool.FindServiceByName(service).methods_by_name[name]
        kinds = [message_factory.GetMessageClass(one) for one in (found.input_type, found.output_type)]
        return kinds[0], kinds[1], found.client_streaming, found.server_streaming


@cache
def messages() -> Messages:
    """Compiled once for all tests of a process."""
    return Messages()


# --- the server


class Server:
    """What ``TestService`` does, by the published description; ``UnimplementedCall`` is not among it.

    It says in ``x-server`` who it is."""

    _name = ""

    def EmptyCall(self, request: Any, context: grpc.ServicerContext) -> Any:
        return request

    def UnaryCall(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._echo_metadata(context)
        if request.response_compressed.value:
            context.set_compression(grpc.Compression.Gzip)
        _end_as(request, context)
        return messages().SimpleResponse(payload={"body": bytes(request.response_size)})

    def StreamingInputCall(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
        size = sum(len(one.payload.body) for one in requests)
        return messages().StreamingInputCallResponse(aggregated_payload_size=size)

    def StreamingOutputCall(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        if any(one.compressed.value for one in request.response_parameters):
            context.set_compression(grpc.Compression.Gzip)
        for one in request.response_parameters:
            if not one.compressed.value:
                context.disable_next_message_compression()
            time.sleep(one.interval_us / 1e6)  # a service that takes its time, as the request says
            yield messages().StreamingOutputCallResponse(payload={"body": bytes(one.size)})

    def FullDuplexCall(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        self._echo_metadata(context)
        for request in requests:
            _end_as(request, context)
            yield from self.StreamingOutputCall(request, context)

    def _echo_metadata(self, context: grpc.ServicerContext) -> None:
        got = dict(context.invocation_metadata())
        initial = [("x-server", self._name)]
        if INITIAL in got:
            initial.append((INITIAL, got[INITIAL]))
        context.send_initial_metadata(initial)
        if TRAILING in got:
            context.set_trailing_metadata(((TRAILING, got[TRAILING]),))


def _end_as(request: Any, context: grpc.ServicerContext) -> None:
    if request.HasField("response_status"):
        code = next(one for one in grpc.StatusCode if one.value[0] == request.response_status.code)
        context.abort(code, request.response_status.message)


@contextmanager
def serving(**options: Any) -> Iterator[int]:
    """Run the server, with health and reflection, and return its port; ``options`` of ``grpc.server``."""
    known = messages()
    handlers = {}
    service = Server()
    for name in (one for one in dir(Server) if not one.startswith("_")):
        asked, told, streams_in, streams_out = known.method(TEST, name)
        made = f"{'stream' if streams_in else 'unary'}_{'stream' if streams_out else 'unary'}_rpc_method_handler"
        handlers[name] = getattr(grpc, made)(getattr(service, name), asked.FromString, told.SerializeToString)
    server = grpc.server(ThreadPoolExecutor(16), options=(("grpc.so_reuseport", 0),), **options)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(TEST, handlers),))
    state = health.HealthServicer()
    state.set(TEST, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    reflection.enable_server_reflection((TEST, reflection.SERVICE_NAME), server, pool=known.pool)
    port = server.add_insecure_port("127.0.0.1:0")
    service._name = str(port)
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


# --- the client


class Client:
    """Calls what is at the other end of a channel: ``client.UnaryCall(request, ...)``, as grpcio's stubs do."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel

    def __getattr__(self, name: str) -> Any:
        return self.of(TEST, name)

    def of(self, service: str, name: str) -> Any:
        """A method of any service."""
        asked, told, streams_in, streams_out = messages().method(service, name)
        made = f"{'stream' if streams_in else 'unary'}_{'stream' if streams_out else 'unary'}"
        found = getattr(self.channel, made)(f"/{service}/{name}", asked.SerializeToString, told.FromString)

        def call(request: Any, **options: Any) -> Any:
            return found(request, **{"timeout": LIMIT, **options})

        call.future = lambda request, **options: found.future(request, **{"timeout": LIMIT, **options})  # type: ignore[attr-defined]
        return call


@contextmanager
def dialed(port: int, **options: Any) -> Iterator[Client]:
    """A channel of its own to a port on loopback."""
    pairs = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0), *options.items())
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=pairs) as channel:
        yield Client(channel)


class Feed:
    """The requests of a stream, one by one as the test has them; ``end`` half-closes."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Any] = SimpleQueue()

    def send(self, message: Any) -> None:
        """One more."""
        self._queue.put(message)

    def end(self) -> None:
        """There is none more."""
        self._queue.put(None)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._queue.get, None)


def _simple(size: int = 314159, **more: Any) -> Any:
    return messages().SimpleRequest(response_size=size, payload={"body": bytes(271828)}, **more)


def _output(*sizes: int, body: int = 0, **more: Any) -> Any:
    return messages().StreamingOutputCallRequest(
        response_parameters=[{"size": size} for size in sizes], payload={"body": bytes(body)}, **more
    )


def _input(size: int) -> Any:
    return messages().StreamingInputCallRequest(payload={"body": bytes(size)})


def _fails(call: Any, code: grpc.StatusCode, details: str | None = None) -> None:
    """What ``call`` says or streams is this status."""
    with pytest.raises(grpc.RpcError) as caught:
        call() if callable(call) else list(call)
    assert caught.value.code() is code, caught.value
    assert details is None or caught.value.details() == details, caught.value


def empty_unary(client: Client) -> None:
    assert client.EmptyCall(messages().Empty()) == messages().Empty()


def large_unary(client: Client) -> None:
    assert client.UnaryCall(_simple()).payload.body == bytes(314159)


def client_compressed_unary(client: Client) -> None:
    for compression in (grpc.Compression.Gzip, grpc.Compression.NoCompression):
        answer = client.UnaryCall(_simple(), compression=compression)
        assert answer.payload.body == bytes(314159)


def server_compressed_unary(client: Client) -> None:
    for value in (True, False):
        answer = client.UnaryCall(_simple(response_compressed={"value": value}))
        assert answer.payload.body == bytes(314159)


def client_streaming(client: Client) -> None:
    answer = client.StreamingInputCall(iter([_input(size) for size in SENT]))
    assert answer.aggregated_payload_size == 74922


def client_compressed_streaming(client: Client) -> None:
    pair = iter([_input(27182), _input(45904)])
    answer = client.StreamingInputCall(pair, compression=grpc.Compression.Gzip)
    assert answer.aggregated_payload_size == 73086


def server_streaming(client: Client) -> None:
    answers = client.StreamingOutputCall(_output(*ANSWERED))
    assert [one.payload.body for one in answers] == [bytes(size) for size in ANSWERED]


def server_compressed_streaming(client: Client) -> None:
    request = messages().StreamingOutputCallRequest(
        response_parameters=[
            {"size": 31415, "compressed": {"value": True}},
            {"size": 92653, "compressed": {"value": False}},
        ]
    )
    assert [len(one.payload.body) for one in client.StreamingOutputCall(request)] == [31415, 92653]


def ping_pong(client: Client) -> None:
    feed = Feed()
    call = client.FullDuplexCall(iter(feed))
    for size, body in zip(ANSWERED, SENT, strict=True):
        feed.send(_output(size, body=body))
        assert next(call).payload.body == bytes(size)
    feed.end()
    assert list(call) == [] and call.code() is grpc.StatusCode.OK


def empty_stream(client: Client) -> None:
    call = client.FullDuplexCall(iter(()))
    assert list(call) == [] and call.code() is grpc.StatusCode.OK


def cancel_after_begin(client: Client) -> None:
    feed = Feed()
    call = client.StreamingInputCall.future(iter(feed))
    call.cancel()
    assert call.cancelled() and call.code() is grpc.StatusCode.CANCELLED
    feed.end()


def cancel_after_first_response(client: Client) -> None:
    feed = Feed()
    call = client.FullDuplexCall(iter(feed))
    feed.send(_output(31415, body=27182))
    assert len(next(call).payload.body) == 31415
    call.cancel()
    _fails(call, grpc.StatusCode.CANCELLED)
    feed.end()


def timeout_on_sleeping_server(client: Client) -> None:
    feed = Feed()
    call = client.FullDuplexCall(iter(feed), timeout=0.001)
    feed.send(_output(body=27182))
    _fails(call, grpc.StatusCode.DEADLINE_EXCEEDED)
    feed.end()


def custom_metadata(client: Client) -> None:
    value = b"\xab\xab\xab"
    metadata = ((INITIAL, "test_initial_metadata_value"), (TRAILING, value))
    unary = client.UnaryCall.future(_simple(), metadata=metadata)
    assert len(unary.result().payload.body) == 314159
    streamed = client.FullDuplexCall(iter([_output(314159, body=271828)]), metadata=metadata)
    assert [len(one.payload.body) for one in streamed] == [314159]
    for call in (unary, streamed):
        assert (INITIAL, "test_initial_metadata_value") in [tuple(one) for one in call.initial_metadata()]
        assert (TRAILING, value) in [tuple(one) for one in call.trailing_metadata()]


def status_code_and_message(client: Client) -> None:
    status = {"code": 2, "message": "test status message"}
    unary = messages().SimpleRequest(response_status=status)
    _fails(lambda: client.UnaryCall(unary), grpc.StatusCode.UNKNOWN, "test status message")
    streamed = client.FullDuplexCall(iter([_output(response_status=status)]))
    _fails(streamed, grpc.StatusCode.UNKNOWN, "test status message")


def special_status_message(client: Client) -> None:
    request = messages().SimpleRequest(response_status={"code": 2, "message": SPECIAL})
    _fails(lambda: client.UnaryCall(request), grpc.StatusCode.UNKNOWN, SPECIAL)


def unimplemented_method(client: Client) -> None:
    _fails(lambda: client.UnimplementedCall(messages().Empty()), grpc.StatusCode.UNIMPLEMENTED)


def unimplemented_service(client: Client) -> None:
    call = client.of(ABSENT, "UnimplementedCall")
    _fails(lambda: call(messages().Empty()), grpc.StatusCode.UNIMPLEMENTED)


CASES: Final[dict[str, Callable[[Client], None]]] = {
    one.__name__: one
    for one in (
        empty_unary,
        large_unary,
        client_compressed_unary,
        server_compressed_unary,
        client_streaming,
        client_compressed_streaming,
        server_streaming,
        server_compressed_streaming,
        ping_pong,
        empty_stream,
        cancel_after_begin,
        cancel_after_first_response,
        timeout_on_sleeping_server,
        custom_metadata,
        status_code_and_message,
        special_status_message,
        unimplemented_method,
        unimplemented_service,
    )
}

"""``grpc/json-transcoder``: clients of JSON over HTTP, and a service of gRPC.

    POST /v1/shelves/7/books {"title": ...}  ──▶  /library.Library/CreateBook, a message behind its prefix
    200 {"name": ...}                        ◀──  a message, grpc-status: 0

What a request asks for, ``transcoding.methods`` knows; its path, method and fields become those of gRPC in the ``request`` hook, its body
on its way (``grpc_json_requests``), the answer on its way back (``grpc_json_answers``).  What comes as gRPC passes as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange import arriving
from fastgw.core.exchange.filter import BodyHook
from fastgw.errors import DownstreamError
from fastgw.transcoding.bodies import JSON, NDJSON, form_of
from fastgw.transcoding.catalog import Catalog
from fastgw.transcoding.methods import MethodMatch, Methods
from fastgw.transcoding.shapes import JsonOptions
from fastgw.transcoding.statuses import OWN_FIELDS, read_status
from fastgw.transformers.grpc_json_answers import NotGrpc, RawAnswer, StreamedAnswer, WholeAnswer
from fastgw.transformers.grpc_json_call import TranscodedCall, TranscoderSettings
from fastgw.transformers.grpc_json_reflected import Reflected, ReflectingServer
from fastgw.transformers.grpc_json_requests import StreamedRequest, WholeRequest
from fastgw.transformers.media import refuse_unchangeable, refused_type
from fastgw.transformers.work_threads import WorkThreads
from fastgw.wire import grpc
from fastgw.wire.media_types import is_json, media_type

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.wire.messages import Request

NOTE: Final = "grpc_json"  #: the ``TranscodedCall``
_NO_METHOD: Final = b""  #: with which nothing is asked for, so that what there is is told
METHOD_NOTE: Final = "grpc_method"  #: ``/pkg.Service/Method``, for logs
_TYPE_LINE: Final = b"content-type: application/grpc+proto\r\n"
#: Of a client of HTTP, what says nothing to a service of gRPC, or something else.
_DROPPED: Final = (
    *(b"accept", b"accept-encoding", b"cache-control", b"grpc-encoding", b"grpc-accept-encoding"),
    *(b"content-type", b"grpc-timeout"),
)
_CHANGED: Final = frozenset(_DROPPED)
#: And of a handshake, which is over where the call begins.
_DROPPED_OF_HANDSHAKE: Final = (
    *_DROPPED,
    *(b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-extensions", b"sec-websocket-protocol"),
)
_LINES: Final = (
    NDJSON,
    b"application/ndjson",
    b"application/jsonl",
    b"application/x-jsonlines",
    b"application/jsonlines",
)


def settings_of(
    name: str,
    options: Mapping[str, Any],
    stream_form: bytes,
    submit: Callable[[Callable[[], Any]], Future[Any]] | None,
) -> TranscoderSettings:
    """Those that every transcoder has: ``max_message``, ``inline_bytes`` and ``queue`` of its ``options``."""
    threads = WorkThreads(name, 1, options["queue"], submit)
    return TranscoderSettings(options["max_message"], options["inline_bytes"], threads, stream_form)


class GrpcJsonTranscoder:
    """The transformer."""

    sees_empty = True
    takes_sockets = True  #: calls come over a WebSocket too

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        submit: Callable[[Callable[[], Any]], Future[Any]] | None = None,
    ) -> None:
        """``options``: ``descriptors``, a serialised FileDescriptorSet, or ``reflection``, the Url of who has them, and ``refresh``, in
        seconds; ``services``; ``unknown_fields``, ``defaults``, ``enums`` and ``names``, see ``JsonOptions``; ``stream``; ``max_message``,
        ``inline_bytes``, ``queue``.  ``submit``: see ``WorkThreads``."""
        self.name = name
        json_options = JsonOptions.of(options)
        self.settings = settings_of(name, options, form_of(options["stream"].encode(), NDJSON), submit)
        self.reflected: Reflected | None = None  #: None: they are in ``methods``
        self.methods: Methods | None = None
        if options["reflection"] is None:
            self.methods = Methods(Catalog(options["descriptors"]), json_options, options["services"])
        else:
            place = ReflectingServer(options["reflection"], options["services"])
            self.reflected = Reflected(place, options["refresh"], json_options)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """See ``WorkThreads``."""
        self.settings.threads.start(loop)
        if self.reflected is not None:
            self.reflected.start(loop)

    def stop(self) -> None:
        """See ``WorkThreads``."""
        self.settings.threads.stop()
        if self.reflected is not None:
            self.reflected.stop()

    # --- requests

    def request(self, exchange: Exchange) -> Awaitable[None] | None:
        """Find the method that is asked for, and ask for it.

        Raises:
            DownstreamError: 404 ``method_unknown``, 405 ``method_not_allowed``, 415 ``body_type_refused``, 400 ``message_misfit``.
        """
        request = exchange.request
        content_type = request.header(b"content-type")
        if grpc.is_grpc(content_type) or grpc.is_web(content_type):
            return None
        methods = self.methods if self.reflected is None else self.reflected.methods
        if methods is None:
            return self._wait(exchange)
        self._begin(exchange, methods)
        return None

    async def _wait(self, exchange: Exchange) -> None:
        assert self.reflected is not None
        self._begin(exchange, await self.reflected.known())

    def _begin(self, exchange: Exchange, methods: Methods) -> None:
        request = exchange.request
        if request.upgrade:
            self._begin_socket(exchange, methods)
            return
        asked = _asked(methods, request)
        if request.has_body:
            self.refuse_type(request, asked)
        kind = JSON
        if asked.binding.method.is_server_streaming:
            kind = form_of(request.header(b"accept"), self.settings.stream_form)
        query, said = request.query[1:], (request.header(b"content-type") or b"").decode("latin-1")
        exchange.note(NOTE, self.call(request, TranscodedCall(self.settings, asked, query, said, kind)))
        _become_call(exchange, asked.binding.method.path)

    def _begin_socket(self, exchange: Exchange, methods: Methods) -> None:
        """The same of a handshake: the messages of the WebSocket are those of the call."""
        from fastgw.transformers.grpc_json_socket import SocketClient  # which a worker without such calls does not need

        request = exchange.request
        if request.upgrade != b"websocket" or not self.takes_sockets:
            raise DownstreamError(501, "upgrade_not_served", "what is asked for here takes no upgrade to this protocol")
        asked = _asked_by_socket(methods, request)
        binding = asked.binding
        if binding.has_raw_body or binding.has_raw_answer:
            raise DownstreamError(501, "upgrade_not_served", "bodies that are no JSON are not carried by a WebSocket")
        client = SocketClient(exchange, binding, self.settings.max_message)
        exchange.note(NOTE, TranscodedCall(self.settings, asked, request.query[1:], "", NDJSON, socket=client))
        _become_call(exchange, binding.method.path, _DROPPED_OF_HANDSHAKE)

    def refuse_type(self, request: Request, asked: MethodMatch) -> None:
        """Refuse a body that cannot become messages.

        Raises:
            DownstreamError: 415 ``body_type_refused``.
        """
        refuse_unchangeable(request)
        content_type = request.header(b"content-type")
        binding = asked.binding
        if binding.has_raw_body or content_type is None or is_json(content_type):
            return
        taken: tuple[str, ...] = ("application/json",)
        if binding.method.is_client_streaming:
            if media_type(content_type) in _LINES:
                return
            taken = ("application/json", NDJSON.decode())
        raise refused_type(request, taken)

    def call(self, request: Request, call: TranscodedCall) -> TranscodedCall:
        """What is kept of the call; a transcoder that needs more has more of it."""
        return call

    def transform_request(self, exchange: Exchange) -> BodyHook | None:
        """Its body becomes messages."""
        call = _call(exchange)
        if call is None:
            return None
        if call.socket is not None:
            return StreamedRequest(call) if call.asked.binding.method.is_client_streaming else WholeRequest(call)
        return self.asking(call, exchange)

    def asking(self, call: TranscodedCall, exchange: Exchange) -> BodyHook:
        """What makes messages of the body of a request."""
        if call.asked.binding.method.is_client_streaming and _is_lines(call.content_type):
            arriving.ask_for_more(exchange)  # no service of gRPC says so
            exchange.request.expect = False
            return StreamedRequest(call)
        return WholeRequest(call)

    # --- answers

    def response(self, exchange: Exchange) -> None:
        """Keep what the service says of its answer, and of gRPC let the client have nothing."""
        call = _call(exchange)
        if call is None or exchange.replied is not None:
            return
        response = exchange.response
        call.came_status = response.status
        call.came_type = response.header(b"content-type") or b""
        call.head_status = read_status(response.header)
        if response.status != 200:
            response.turn_into(200)  # until it is known how the call went; else one without a body would stay without
        dropped = [*OWN_FIELDS, b"content-type"]
        if b"no-transform" in (response.header(b"cache-control") or b"").lower():
            dropped.append(b"cache-control")
        response.edit(dropped, ((b"content-type", call.kind),))

    def transform_response(self, exchange: Exchange) -> BodyHook | None:
        """Its body becomes JSON."""
        call = _call(exchange)
        if call is None:
            return None
        is_call = grpc.is_grpc(call.came_type) or call.head_status is not None
        if call.came_status != 200 or not is_call:
            return NotGrpc(call)
        if call.socket is not None:
            from fastgw.transformers.grpc_json_socket import SocketAnswer  # as above

            return SocketAnswer(call, exchange, call.socket)
        return self.answering(call, exchange)

    def answering(self, call: TranscodedCall, exchange: Exchange) -> BodyHook:
        """What makes JSON of the messages of an answer."""
        binding = call.asked.binding
        if not binding.method.is_server_streaming:
            return WholeAnswer(call, exchange)
        return RawAnswer(call, exchange) if binding.has_raw_answer else StreamedAnswer(call, exchange)


def _call(exchange: Exchange) -> TranscodedCall | None:
    """None: it came as gRPC, or was refused."""
    notes = exchange.notes
    return None if notes is None else notes.get(NOTE)


def _is_lines(content_type: str) -> bool:
    return media_type(content_type.encode("latin-1")) in _LINES


def _asked(methods: Methods, request: Request) -> MethodMatch:
    asked = _found(methods, request.method, request)
    if isinstance(asked, MethodMatch):
        return asked
    allowed = ", ".join(sorted(one.decode() for one in asked))
    detail = f"the method of a service that this path asks for is asked for by {allowed}"
    raise DownstreamError(405, "method_not_allowed", detail, headers=(("allow", allowed),))


def _found(methods: Methods, method: bytes, request: Request) -> MethodMatch | set[bytes]:
    try:
        found = methods.find(method, request.path.decode("ascii"))
    except UnicodeDecodeError:
        raise DownstreamError(400, "message_misfit", "the path has what is no UTF-8") from None
    if not found:
        raise DownstreamError(404, "method_unknown", "no method of a service here is asked for by this path")
    return found


def _asked_by_socket(methods: Methods, request: Request) -> MethodMatch:
    """By the path alone, as every handshake is a GET: the method that takes a stream, or else that of a GET, a POST, or any other."""
    found = _found(methods, _NO_METHOD, request)
    if isinstance(found, MethodMatch):
        return found
    asked = [
        _found(methods, one, request) for one in sorted(found, key=lambda one: (one != b"GET", one != b"POST", one))
    ]
    matches = [one for one in asked if isinstance(one, MethodMatch)]
    return next((one for one in matches if one.binding.method.is_client_streaming), matches[0])


def _become_call(exchange: Exchange, path: bytes, dropped: tuple[bytes, ...] = _DROPPED) -> None:
    """Have the request be the call of the method at ``path``, without fields that are ``dropped``."""
    exchange.note(METHOD_NOTE, path.decode())
    request = exchange.request
    request.query = b""
    request.original_path = request.original_path or request.path
    request.path = request.target = path  # which is in its normal form
    request.method = b"POST"
    request.te_trailers = request.rare = True
    timeout = _timeout(exchange)
    lines = _TYPE_LINE + b"grpc-timeout: %b\r\n" % timeout if timeout else _TYPE_LINE
    request.change(dropped, lines, _CHANGED if request.edited is None else request.edited | _CHANGED)
    if not request.has_body:
        request.lose_length()  # the message makes one


def _timeout(exchange: Exchange) -> bytes:
    """What the call has left, for ``grpc-timeout``; empty: there is no bound."""
    asked = grpc.read_timeout(exchange.request.header(b"grpc-timeout") or b"")
    left = max(exchange.last - exchange.started, 0.001) if exchange.last else 0.0
    if asked > 0 and (not left or asked < left):
        return grpc.write_timeout(asked)
    return grpc.write_timeout(left) if left else b""

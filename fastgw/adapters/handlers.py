"""Functions that answer requests, ``fastgw.App``, as a service.

    Relay ── acquire, carry ──▶ HandlerCarrier ──▶ the function ──▶ on_head, on_last_body

A plain function is called on the loop, in the turn in which its request has come, without a Task: it must not wait, nor compute for long.
One that is ``async`` is a Task, which is cancelled when its client leaves.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote_to_bytes

import orjson

from fastgw.adapters.calls import CallCarrier, CallPool
from fastgw.adapters.speech import encoded
from fastgw.core import counters
from fastgw.errors import DownstreamError
from fastgw.plugins import PluginError
from fastgw.routing import Router, RoutingError, Rule
from fastgw.routing.pattern import parse_path
from fastgw.wire.fields import OWN_RESPONSE_FIELDS, field_line, find_field

if TYPE_CHECKING:
    from fastgw.adapters.runners import Runnable
    from fastgw.core.exchange.ends import Exchange

_JSON = b"content-type: application/json\r\n"
_TEXT = b"content-type: text/plain; charset=utf-8\r\n"
_BYTES = b"content-type: application/octet-stream\r\n"
_NO_PARAMS: Mapping[str, str] = {}


class HandlerRequest:
    """What a handler is told; it may be kept."""

    __slots__ = ("_address", "_head", "_method", "_path", "_query", "_scheme", "body", "params")

    def __init__(self, exchange: Exchange, body: bytes, params: Mapping[str, str]) -> None:
        request = exchange.request
        self._head = request.head if request.edited is None else b"\r\n" + request.fields + request.extra
        self._address = exchange.client.address
        self._method = request.method
        self._path = request.path
        self._query = request.query
        self._scheme = exchange.listener.scheme
        self.body = body
        self.params = params  #: of the path, by name, without escapes

    @property
    def client(self) -> str:
        """Its address."""
        return self._address.decode("latin-1")

    @property
    def method(self) -> str:
        """As it is sent."""
        return self._method.decode("latin-1")

    @property
    def path(self) -> str:
        """Normalised, with its escapes."""
        return self._path.decode("latin-1")

    @property
    def query(self) -> str:
        """Without its ``?``."""
        return self._query[1:].decode("latin-1")

    @property
    def scheme(self) -> str:
        """Of the listener."""
        return self._scheme.decode("latin-1")

    def header(self, name: str, default: str | None = None) -> str | None:
        """The value of the field ``name``, in any case; repeated lines are joined with ``", "``."""
        found = find_field(self._head, name.lower().encode("latin-1"))
        return default if found is None else found.decode("latin-1")

    @property
    def args(self) -> dict[str, list[str]]:
        """What the query says, each name with its values."""
        return parse_qs(self.query, keep_blank_values=True)

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            DownstreamError: 400, it is none; the client is told so if nobody catches it.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise DownstreamError(400, "json_malformed", f"the request body is not JSON: {error}") from None


class HandlerResponse:
    """An answer with more than a body."""

    __slots__ = ("body", "fields", "status")

    def __init__(
        self,
        body: Any = b"",
        status: int = 200,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        content_type: str = "",
    ) -> None:
        """``body``: bytes, text, or what is made JSON.  ``content_type``: empty: by the kind of ``body``.

        Raises:
            ValueError: no such status, or a field that no head can have, or that the gateway writes itself.
        """
        if not 200 <= status <= 599:
            raise ValueError(f"{status} is not the status of an answer")
        self.status = status
        self.fields, self.body = content(body)
        if content_type:
            self.fields = field_line(b"content-type", content_type.encode("latin-1"), OWN_RESPONSE_FIELDS)
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        for name, value in pairs:
            self.fields += field_line(name.lower().encode("latin-1"), value.encode("latin-1"), OWN_RESPONSE_FIELDS)


def content(body: Any) -> tuple[bytes, bytes]:
    """The field line that tells of ``body``, and its bytes.

    Raises:
        TypeError: it cannot be said in JSON.
    """
    if isinstance(body, bytes):
        return (_BYTES, body) if body else (b"", b"")
    if isinstance(body, str):
        return _TEXT, body.encode()
    return _JSON, encoded(body)


class Handler(NamedTuple):
    """One function, and what it answers."""

    path: str
    methods: frozenset[str]  #: empty: any
    call: Callable[[HandlerRequest], Any]
    is_async: bool


class Routes:
    """Functions by the paths they answer: what ``fastgw.App`` is to a worker."""

    def __init__(self) -> None:
        self.handlers: list[Handler] = []

    def route(
        self, path: str, methods: Sequence[str] = ("GET",)
    ) -> Callable[[Callable[[HandlerRequest], Any]], Callable[[HandlerRequest], Any]]:
        """Decorate the function that answers requests for ``path``, a pattern as routes have it (``docs/routing.md``).

        ``methods``: empty: any; HEAD is answered where GET is.
        """

        def add(call: Callable[[HandlerRequest], Any]) -> Callable[[HandlerRequest], Any]:
            self.handlers.append(Handler(path, frozenset(methods), call, inspect.iscoroutinefunction(call)))
            return call

        return add


class _Ready:
    """A handler in a table."""

    __slots__ = ("_pattern", "call", "is_async", "methods", "path")

    def __init__(self, handler: Handler) -> None:
        self.path, self.methods, self.call, self.is_async = handler
        self._pattern = parse_path(handler.path) if "{" in handler.path else None

    def params(self, path: bytes) -> Mapping[str, str]:
        """Those of ``path``, without escapes."""
        if self._pattern is None:
            return _NO_PARAMS
        return {
            name: unquote_to_bytes(value).decode(errors="replace") for name, value in self._pattern.params(path).items()
        }


class HandlerTable:
    """The handlers of an application, ready to be asked."""

    __slots__ = ("_router", "match")

    def __init__(self, routes: Routes) -> None:
        """
        Raises:
            PluginError: two of its paths are in each other's way, or one is none.
        """
        rules = [
            Rule(f"{','.join(sorted(one.methods))} {one.path}".strip(), one.path, "", one.methods, (), one)
            for one in map(_Ready, routes.handlers)
        ]
        try:
            self._router = Router(rules)
        except RoutingError as error:
            raise PluginError(f"its paths: {'; '.join(error.problems)}") from error
        self.match = self._router.matcher.match

    def missing(self, exchange: Exchange) -> DownstreamError:
        """What is answered where no function does."""
        request = exchange.request
        methods = self._router.allowed(b"", request.path)
        if methods:
            allow = ", ".join(methods)
            return DownstreamError(405, "method_not_allowed", f"this path takes {allow}", headers=(("allow", allow),))
        return DownstreamError(404, "no_route", "no route matches this request")


def _no_field(_: bytes) -> None:
    """No handler asks for a header field."""


def table_of(found: Any, reference: str) -> HandlerTable:
    """The handlers of ``found``, an application.

    Raises:
        PluginError: it is none.
    """
    if not isinstance(found, Routes):
        raise PluginError(f"{reference!r} is no fastgw.App")
    return HandlerTable(found)


class HandlerPool(CallPool):
    """The endpoint that an application is."""

    __slots__ = ()

    def _carrier(self) -> HandlerCarrier:
        return HandlerCarrier(self, self._plane)


class HandlerCarrier(CallCarrier):
    """Carries one exchange to the answer of a function."""

    __slots__ = ("_handler",)

    _pool: HandlerPool

    def _type_problem(self, exchange: Exchange) -> DownstreamError | None:
        return None  # a function may take anything

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``.

        Raises:
            DownstreamError: 404 or 405, no function answers this.
            UpstreamError: 503, there is no place for a Task.
        """
        request = exchange.request
        instance = self._pool.settings
        table: HandlerTable = instance.object
        handler: _Ready | None = table.match(b"", request.method, request.path, _no_field)
        if handler is None:
            raise table.missing(exchange)
        self._handler = handler
        if handler.is_async:
            self._pool.submit(self)
            return
        plane = self._plane
        plane.values[self._pool._base + counters.ENDPOINT_REQUESTS] += 1
        try:
            plane.values[counters.RUNNING_SERVICE] = instance.slot + 1
            try:
                found = handler.call(self._request(exchange))
            finally:
                plane.values[counters.RUNNING_SERVICE] = 0
            self._respond(found)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it ends this exchange, not the worker
            self.broke(error)

    def _request(self, exchange: Exchange) -> HandlerRequest:
        return HandlerRequest(exchange, self.take_body(exchange), self._handler.params(exchange.request.path))

    def begin(self, instance: Runnable) -> None:
        """See ``CallCarrier``."""
        exchange = self.exchange
        assert exchange is not None
        request = self._request(exchange)
        self._instance = instance
        instance.begin()
        self.task = task = instance.watched(self._run(request))
        task.add_done_callback(lambda _: self.over())

    async def _run(self, request: HandlerRequest) -> None:
        try:
            self._respond(await self._handler.call(request))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
            self.broke(error)

    def _respond(self, found: Any) -> None:
        exchange = self.exchange
        if isinstance(found, HandlerResponse):
            status, fields, body = found.status, found.fields, found.body
        elif found is None:
            status, fields, body = 204, b"", b""
        else:
            status = 200
            fields, body = content(found)
        if exchange is not None and self.send_head(exchange, status, fields, len(body)):
            exchange.on_last_body(body, len(body))

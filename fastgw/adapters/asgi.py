"""ASGI 3 applications as services: HTTP with streaming both ways, and lifespan (asgi.readthedocs.io).

    Relay ── acquire, carry ──▶ AsgiCarrier ── scope, receive ──▶ a Task with the application
                                            ◀── send ──────────

An application runs as soon as the head of a request is there.  What it has not received yet is held, and with it the client, as in front of
any slow service.  A client that leaves is told as ``http.disconnect``; the Task goes on to its end, for what it does behind its answer.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from fastgw.adapters.calls import CallCarrier, CallPool
from fastgw.adapters.local import UNKNOWN
from fastgw.core.http1 import heads
from fastgw.core.net.connection import HOLD_PEER
from fastgw.core.net.peers import is_within
from fastgw.core.snapshot.snapshot import HELD_MAX
from fastgw.errors import DownstreamError
from fastgw.plugins import PluginError, said
from fastgw.wire.fields import OWN_RESPONSE_FIELDS, field_line

if TYPE_CHECKING:
    from fastgw.adapters.runners import Runnable
    from fastgw.core.exchange.ends import Exchange

AsgiMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiMessage]]
Send = Callable[[AsgiMessage], Awaitable[None]]

VERSIONS: Final = {"version": "3.0", "spec_version": "2.4"}
START_SECONDS: Final = 60.0  #: for ``lifespan.startup``
STOP_SECONDS: Final = 4.0  #: for ``lifespan.shutdown``


class Application:
    """One application, from its start to its end."""

    __slots__ = ("_call", "_events", "_task", "_told", "root_path", "state")

    def __init__(self, call: Any, root_path: str) -> None:
        self._call = call
        self._events: asyncio.Queue[AsgiMessage] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None  # of the lifespan
        self._told: asyncio.Queue[AsgiMessage] = asyncio.Queue()
        self.root_path = root_path
        self.state: dict[str, Any] = {}  #: what the lifespan has put there; each request gets a copy

    async def __call__(self, scope: AsgiMessage, receive: Receive, send: Send) -> None:
        """Run it."""
        await self._call(scope, receive, send)

    async def start(self) -> None:
        """Begin its lifespan; one that has none raises in front of its first message, and is served without.

        Raises:
            PluginError: it says that it cannot start, or says nothing for ``START_SECONDS``.
        """
        scope = {"type": "lifespan", "asgi": VERSIONS, "state": self.state}
        self._task = asyncio.get_running_loop().create_task(self._call(scope, self._events.get, self._told.put))
        found = await self._ask("lifespan.startup", START_SECONDS)
        if found is None and not self._task.done():
            await self._end()
            raise PluginError(f"its lifespan has not started within {START_SECONDS:g} s")
        if found is None:
            error = self._task.exception()
            self._task = None
            if isinstance(error, SystemExit):
                raise PluginError(f"its lifespan ended: {said(error)}")
        elif found["type"] == "lifespan.startup.failed":
            await self._end()
            raise PluginError(f"its lifespan says that it cannot start: {found.get('message', '')}")

    async def aclose(self) -> None:
        """End its lifespan."""
        if self._task is not None and not self._task.done():
            await self._ask("lifespan.shutdown", STOP_SECONDS)
        await self._end()

    async def _ask(self, event: str, seconds: float) -> AsgiMessage | None:
        """What it says to ``event``; None: nothing in time, or it has ended."""
        assert self._task is not None
        await self._events.put({"type": event})
        answer = asyncio.ensure_future(self._told.get())
        await asyncio.wait({answer, self._task}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        answer.cancel()
        return None

    async def _end(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task}, timeout=STOP_SECONDS)


def application_of(found: Any, reference: str, root_path: str) -> Application:
    """``found`` as an application.

    Raises:
        PluginError: it is none.
    """
    call = found if inspect.isroutine(found) else getattr(found, "__call__", None)  # noqa: B004 - its signature is asked for
    if isinstance(found, type) or call is None:
        raise PluginError(f"{reference!r} is no ASGI application: it cannot be called with scope, receive and send")
    try:
        inspect.signature(call).bind({}, None, None)
    except TypeError:
        raise PluginError(f"{reference!r} is no ASGI 3 application: it does not take scope, receive and send") from None
    return Application(found, root_path)


class AsgiPool(CallPool):
    """The endpoint that an application is."""

    __slots__ = ()

    def _carrier(self) -> AsgiCarrier:
        return AsgiCarrier(self, self._plane)


class AsgiCarrier(CallCarrier):
    """Carries one exchange to the answer of an application."""

    __slots__ = ("_arrived", "_fields", "_held", "_is_complete", "_is_read", "_length", "_sent", "_status", "_waiting")

    def __init__(self, pool: CallPool, plane: Any) -> None:
        CallCarrier.__init__(self, pool, plane)
        self._arrived: deque[bytes] = deque()  # of the request's body, not received by the application yet
        self._held = 0  # bytes of that
        self._is_complete = False  # the body has arrived
        self._is_read = False  # the application has all of it
        self._waiting: asyncio.Future[None] | None = None  # done when there is something to receive
        self._status = 0  # of an answer that has not begun yet
        self._fields = b""
        self._length = UNKNOWN  # of its body, as it says
        self._sent = 0

    # --- the request

    def carry(self, exchange: Exchange) -> None:
        """See ``Carrier``."""
        self.exchange = exchange
        body = exchange.body.take()
        if body:
            self._arrive(body)
        self._is_complete = exchange.body.is_done
        self._plane.loop.call_soon(self._answer)

    def send_body(self, data: bytes, is_last: bool) -> None:
        """See ``Carrier``."""
        if data:
            self._arrive(data)
        self._is_complete = is_last
        self._wake()

    def _arrive(self, data: bytes) -> None:
        self._arrived.append(data)
        self._held += len(data)
        if self._held >= HELD_MAX and self.exchange is not None:
            self.exchange.client.hold(HOLD_PEER)

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``.

        Raises:
            DownstreamError: 501, the client asks for a WebSocket.
            UpstreamError: 503, there is no place.
        """
        if exchange.request.upgrade:
            raise DownstreamError(501, "upgrade_not_served", "this service speaks HTTP alone, and no WebSocket")
        self._pool.submit(self)

    def begin(self, instance: Runnable) -> None:
        """See ``CallCarrier``."""
        exchange = self.exchange
        assert exchange is not None
        self._instance = instance
        instance.begin()
        scope = scope_of(exchange, instance.object)
        task = instance.watched(self._run(instance.object, scope))
        task.add_done_callback(lambda _: self.over())
        self.task = _Gone(self._wake)

    def leave(self) -> None:
        """See ``Carrier``."""
        exchange = self.exchange
        if exchange is not None and self._held >= HELD_MAX:
            exchange.client.release(HOLD_PEER)
        self._arrived.clear()
        self._held = 0
        CallCarrier.leave(self)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    # --- the application

    async def _run(self, application: Application, scope: AsgiMessage) -> None:
        try:
            await application(scope, self._next, self._tell)
            if self.exchange is not None:
                what = "in the middle of its answer" if self.exchange.response.status else "without an answer"
                raise RuntimeError(f"the application has ended {what}")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it ends this exchange, not the worker
            if self.exchange is not None:
                self.broke(error)
            else:
                self._plane.report("error", "a service failed", service=self._pool.service, error=error)

    async def _next(self) -> AsgiMessage:
        while True:
            exchange = self.exchange
            if exchange is None:
                return {"type": "http.disconnect"}
            if self._arrived or (self._is_complete and not self._is_read):
                return self._take(exchange)
            if not self._is_complete:
                self.ask_for_body(exchange)
                exchange.request.expect = False  # once
            self._waiting = self._plane.loop.create_future()
            await self._waiting

    def _take(self, exchange: Exchange) -> AsgiMessage:
        body = b"".join(self._arrived)
        self._arrived.clear()
        if self._held >= HELD_MAX:
            exchange.client.release(HOLD_PEER)
        self._held = 0
        self._is_read = self._is_complete
        return {"type": "http.request", "body": body, "more_body": not self._is_complete}

    async def _tell(self, message: AsgiMessage) -> None:
        kind = message["type"]
        if self.exchange is None:
            return  # the client is gone, or has its answer
        if kind == "http.response.start":
            if self._status:
                raise RuntimeError("the answer has begun already")
            self._status = int(message["status"])
            if not 200 <= self._status <= 599:
                raise ValueError(f"{self._status} is not the status of an answer")
            self._fields, self._length = fields_of(message.get("headers", ()))
        elif kind == "http.response.body":
            if not self._status:
                raise RuntimeError("the body of the answer comes in front of its start")
            await self._send_body(bytes(message.get("body", b"")), bool(message.get("more_body", False)))
        else:
            raise RuntimeError(f"{kind!r} is no message of an answer")

    async def _send_body(self, data: bytes, is_more: bool) -> None:
        exchange = self.exchange
        assert exchange is not None
        if not exchange.response.status:
            if self._length == UNKNOWN and not is_more:
                self._length = len(data)
            if not self.send_head(exchange, self._status, self._fields, self._length):
                return
        while self._holds and self.exchange is not None:
            self._room = self._plane.loop.create_future()
            await self._room
        exchange = self.exchange
        if exchange is None:
            return
        self._sent += len(data)
        if self._length != UNKNOWN and (self._sent > self._length or (not is_more and self._sent < self._length)):
            raise RuntimeError(f"the answer has {self._sent} bytes, and its Content-Length says {self._length}")
        if not is_more:
            exchange.on_last_body(data, len(data))
        elif data:
            exchange.on_body(data, len(data))


class _Gone:
    """What is cancelled when the client leaves: nothing; the application is told."""

    __slots__ = ("cancel",)

    def __init__(self, tell: Callable[[], None]) -> None:
        self.cancel = tell


def fields_of(headers: Any) -> tuple[bytes, int]:
    """The field lines of an answer with ``headers``, pairs of bytes, and the length that they say, or ``UNKNOWN``.  What the gateway
    says itself, of the connection and its framing, is left out.

    Raises:
        ValueError: a name or a value is none that a head can have.
    """
    lines, length = [], UNKNOWN
    for name, value in headers:
        lowered = bytes(name).lower()
        if lowered == b"content-length":
            length = int(value)
        elif lowered not in OWN_RESPONSE_FIELDS:
            lines.append(field_line(lowered, bytes(value), OWN_RESPONSE_FIELDS))
    return b"".join(lines), length


def scope_of(exchange: Exchange, application: Application) -> AsgiMessage:
    """What an application is told of a request: header fields as any service gets them, client and scheme as trusted proxies say."""
    request = exchange.request
    lines = heads.request_head(exchange).split(b"\r\n")[1:-2]
    pairs = (line.partition(b":") for line in lines)
    host, _, port = request.authority.decode("latin-1").rpartition(":")
    return {
        "type": "http",
        "asgi": VERSIONS,
        "http_version": f"1.{request.minor}",
        "method": request.method.decode("latin-1"),
        "scheme": (request.forwarded_proto or exchange.listener.scheme).decode("latin-1"),
        "path": unquote(request.path.decode("latin-1")),
        "raw_path": request.path,
        "query_string": request.query[1:],
        "root_path": application.root_path,
        "headers": [(name.lower(), value.strip()) for name, _, value in pairs],
        "client": (_client(exchange), 0),
        "server": (host, int(port)) if port.isdigit() else (request.host.decode("latin-1"), None),
        "state": application.state.copy(),
    }


def _client(exchange: Exchange) -> str:
    """The address of the client: of those that trusted proxies name the last that is none of them."""
    address = exchange.client.address
    named = exchange.request.forwarded_for
    for one in reversed(named.split(b",") if named else []):
        address = one.strip()
        if not is_within(address, exchange.listener.trusted):
            break
    return address.decode("latin-1")

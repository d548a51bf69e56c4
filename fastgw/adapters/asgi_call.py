"""One call of an ASGI application: what it is told of its request, and how it answers (asgi.readthedocs.io)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from fastgw.adapters.calls import CallCarrier, CallPool
from fastgw.adapters.local import UNKNOWN
from fastgw.core.http1 import heads
from fastgw.core.net.peers import is_within
from fastgw.wire.fields import OWN_RESPONSE_FIELDS, field_line

if TYPE_CHECKING:
    import asyncio

    from fastgw.adapters.runners import Runnable
    from fastgw.core.exchange.ends import Exchange

AsgiMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiMessage]]
Send = Callable[[AsgiMessage], Awaitable[None]]

KEPT_LINES: Final = 256  #: lines of answers kept, for applications say the same ones again and again
KEPT_VALUE: Final = 128  #: bytes of the value of one that is
#: From 2.4 on an answer to a client that is gone raises, and frameworks leave it at that; here it is dropped, and they are to listen for
#: ``http.disconnect`` while they answer.
VERSIONS: Final = {"version": "3.0", "spec_version": "2.3"}


class ApplicationCarrier(CallCarrier):
    """Carries one exchange to an application, in a Task.  A subclass says what it receives, and what may be sent."""

    __slots__ = ("_fields", "_length", "_sent", "_status", "_waiting")

    def __init__(self, pool: CallPool, plane: Any) -> None:
        CallCarrier.__init__(self, pool, plane)
        self._waiting: asyncio.Future[None] | None = None  # done when there is something to receive
        self._status = 0  # of an answer that has not begun yet
        self._fields = b""
        self._length = UNKNOWN  # of its body, as it says
        self._sent = 0

    def begin(self, instance: Runnable) -> None:
        """See ``CallCarrier``."""
        exchange = self.exchange
        assert exchange is not None
        self._instance = instance
        instance.begin()
        task = instance.watched(self._run(instance.object, self.scope(exchange, instance.object)))
        task.add_done_callback(lambda _: self.over())

    def leave(self) -> None:
        """See ``Carrier``: the Task goes on, and is told."""
        CallCarrier.leave(self)
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def _news(self) -> None:
        """Wait for ``_wake``."""
        self._waiting = self._plane.loop.create_future()
        await self._waiting

    async def _run(self, application: Any, scope: AsgiMessage) -> None:
        try:
            await application(scope, self.receive, self.send_message)
            self.returned()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it ends this exchange, not the worker
            self.raised(error)

    # --- what a subclass may say

    def scope(self, exchange: Exchange, application: Any) -> AsgiMessage:
        """What the application is told of its request."""
        return scope_of(exchange, application)

    async def receive(self) -> AsgiMessage:
        """The next message for the application."""
        raise NotImplementedError

    async def send_message(self, message: AsgiMessage) -> None:
        """Do what ``message``, of the application, says.

        Raises:
            RuntimeError, ValueError: it is none that may come now.
        """
        raise NotImplementedError

    def returned(self) -> None:
        """The application has returned.

        Raises:
            RuntimeError: too early.
        """
        if self.exchange is not None:
            what = "in the middle of its answer" if self.exchange.response.status else "without an answer"
            raise RuntimeError(f"the application has ended {what}")

    def raised(self, error: BaseException) -> None:
        """The application has raised ``error``."""
        if self.exchange is not None:
            self.broke(error)
        else:
            self._plane.report("error", "a service failed", service=self._pool.service, error=error)

    # --- an answer of HTTP

    def _begin_answer(self, message: AsgiMessage) -> None:
        if self._status:
            raise RuntimeError("the answer has begun already")
        self._status = int(message["status"])
        if not 200 <= self._status <= 599:
            raise ValueError(f"{self._status} is not the status of an answer")
        self._fields, self._length = fields_of(message.get("headers", ()))

    async def _answer_body(self, message: AsgiMessage) -> None:
        if not self._status:
            raise RuntimeError("the body of the answer comes in front of its start")
        data, is_more = bytes(message.get("body", b"")), bool(message.get("more_body", False))
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


_line = lru_cache(KEPT_LINES)(field_line)


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
            line = _line if len(value) <= KEPT_VALUE else field_line
            lines.append(line(lowered, bytes(value), OWN_RESPONSE_FIELDS))
    return b"".join(lines), length


def scope_of(exchange: Exchange, application: Any) -> AsgiMessage:
    """What an application is told of a request: header fields as any service gets them, client and scheme as trusted proxies say."""
    request = exchange.request
    headers = []
    for line in heads.request_head(exchange).split(b"\r\n")[1:-2]:
        name, _, value = line.partition(b":")
        headers.append((name.lower(), value.strip()))
    path = request.path.decode("latin-1")
    host, _, port = request.authority.decode("latin-1").rpartition(":")
    return {
        "type": "http",
        "asgi": VERSIONS,
        "http_version": exchange.client.version.decode() if request.minor else "1.0",
        "method": request.method.decode("latin-1"),
        "scheme": (request.forwarded_proto or exchange.listener.scheme).decode("latin-1"),
        "path": unquote(path) if "%" in path else path,
        "raw_path": request.path,
        "query_string": request.query[1:],
        "root_path": application.root_path,
        "headers": headers,
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

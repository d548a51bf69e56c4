"""A transport and a loop without sockets and without time, to drive the protocols with bytes.

A story in a test reads like this::

    loop = MockLoop()
    client = loop.accept(client_factory(plane, "edge"))          # a client connects: a MockTransport bound to a new protocol
    client.feed(b"GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n")   # bytes arrive
    loop.run_ready()
    upstream = loop.attempts[0].succeed()                # the pool asked for a connection; it is made now
    loop.run_ready()
    assert upstream.take() == b"GET / HTTP/1.1..."       # what was written since the last take()
    upstream.feed(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
    assert client.take().startswith(b"HTTP/1.1 204")
    loop.advance(60.0)                                   # timers fire in order, the clock stands where it should

Both keep the rules of uvloop that matter: ``connection_lost`` is called once, never from inside ``close()`` but on the
next turn; nothing is read while reading is paused, and what arrived meanwhile comes after ``resume_reading``;
``pause_writing`` is called once when the write buffer rises over the high mark and ``resume_writing`` when it has
fallen to the low one; what is written after ``close()`` is lost (and kept in ``dropped``).
An exception that escapes a callback fails the test at the next ``run_ready``.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVarTuple, Unpack

from fastgw.testing.mock_transport import MockSocket, MockTransport, QuietSocket

__all__ = ["Attempt", "MockLoop", "MockSocket", "MockTransport", "QuietSocket"]

Factory = Callable[[], asyncio.BaseProtocol]
_Ts = TypeVarTuple("_Ts")


class Attempt:
    """A connection that the code under test asked for; it stays open until the test calls ``succeed`` or ``fail``."""

    def __init__(self, loop: MockLoop, factory: Factory, target: dict[str, Any]) -> None:
        self.loop = loop
        self.factory = factory
        self.target = target  #: arguments of create_connection: host, port, path, ssl, ...
        self.future: asyncio.Future[tuple[MockTransport, asyncio.BaseProtocol]] = loop.create_future()
        self.transport: MockTransport | None = None

    @property
    def is_cancelled(self) -> bool:
        """The code under test gave up waiting."""
        return self.future.cancelled()

    def succeed(self, **options: Any) -> MockTransport:
        """Connect: make the protocol, call ``connection_made``, wake who waits.  ``options`` go to MockTransport."""
        protocol = self.factory()
        self.transport = MockTransport(self.loop, protocol, **options)
        protocol.connection_made(self.transport)
        if not self.future.done():
            self.future.set_result((self.transport, protocol))
        return self.transport

    def fail(self, error: BaseException) -> None:
        """Refuse the connection with ``error``."""
        self.future.set_exception(error)


class MockLoop(asyncio.AbstractEventLoop):
    """An event loop that moves only when the test says so.

    ``on_connect`` is called with each Attempt on the turn after it was made; left None, the test answers by hand.
    """

    def __init__(self, on_connect: Callable[[Attempt], object] | None = None) -> None:
        self.on_connect = on_connect
        self.now = 1000.0
        self.attempts: list[Attempt] = []
        self.errors: list[dict[str, Any]] = []  #: contexts given to call_exception_handler and not raised yet
        self.timers_made = 0  #: call_later() and call_at() calls
        self.tasks_made = 0  #: create_task() calls
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []

    # -- the test's side ----------------------------------------------------------------------------------------------

    def accept(self, factory: Factory, **options: Any) -> MockTransport:
        """Let a client connect to what ``factory`` makes; ``options`` go to MockTransport."""
        protocol = factory()
        transport = MockTransport(self, protocol, **options)
        protocol.connection_made(transport)
        return transport

    def run_ready(self, limit: int = 10_000) -> None:
        """Run callbacks until none is ready; raise what escaped from one of them."""
        for _ in range(limit):
            if not self._ready:
                break
            handle = self._ready.popleft()
            if not handle.cancelled():
                self._run(handle)
        else:
            raise AssertionError(f"still busy after {limit} callbacks")
        if self.errors:
            context = self.errors.pop(0)
            raise context.get("exception") or AssertionError(context["message"])

    def advance(self, seconds: float) -> None:
        """Move the clock by ``seconds``, firing every timer on its way at its own time."""
        self.run_ready()
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, handle = heapq.heappop(self._timers)
            self.now = max(self.now, when)
            if not handle.cancelled():
                self._run(handle)
                self.run_ready()
        self.now = end
        self.run_ready()

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Run ``awaitable`` to its end without moving the clock; return its result."""
        future = asyncio.ensure_future(awaitable, loop=self)
        self.run_ready()
        assert future.done(), "the awaitable waits for something that did not happen"
        return future.result()

    @property
    def timers(self) -> list[asyncio.TimerHandle]:
        """Timers that wait and are not cancelled, soonest first."""
        return [handle for _, _, handle in sorted(self._timers) if not handle.cancelled()]

    # -- what the code under test uses --------------------------------------------------------------------------------

    def time(self) -> float:
        return self.now

    def call_soon(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self.timers_made += 1
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, self.timers_made, handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        self.tasks_made += 1
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        return self._connect(protocol_factory, {"host": host, "port": port, **options})

    def create_unix_connection(self, protocol_factory: Any, path: Any = None, **options: Any) -> Any:
        return self._connect(protocol_factory, {"path": path, **options})

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _connect(self, factory: Factory, target: dict[str, Any]) -> Coroutine[Any, Any, Any]:
        attempt = Attempt(self, factory, target)
        self.attempts.append(attempt)
        if self.on_connect is not None:
            self.call_soon(self.on_connect, attempt)

        async def connected() -> tuple[MockTransport, asyncio.BaseProtocol]:
            return await attempt.future

        return connected()

    def _run(self, handle: asyncio.Handle) -> None:
        previous = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            handle._run()
        finally:
            asyncio._set_running_loop(previous)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """asyncio tells the loop; a cancelled timer is skipped when its time comes."""

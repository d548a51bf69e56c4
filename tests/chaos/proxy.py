"""A proxy between a gateway and a service that damages what passes, as it is told while it runs.

It knows bytes and no HTTP.  What it does to an answer counts from the order on: of each connection, those that are open
included, ``after`` more bytes pass first.  ``heal`` ends it all.

    refuse      connections are refused, those that are open go on
    cut         both sides of every connection are closed, at once
    truncate    the service's side ends behind those bytes, in an orderly manner
    reset       both sides are reset behind them
    stall       nothing comes behind them, nor is anything closed
    delay       everything comes ``seconds`` later
    corrupt     every bit of the next byte is turned
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from weakref import WeakSet

READ = 65536


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to answers."""

    kind: str = ""
    after: int = 0
    seconds: float = 0.0


HEALTHY = Fault()
KINDS = ("refuse", "cut", "truncate", "reset", "stall", "delay", "corrupt")


class _Link:
    """One connection, and that to the service."""

    def __init__(self, proxy: ChaosProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._reader, self._writer = reader, writer
        self._service: asyncio.StreamWriter | None = None
        self._fault = HEALTHY
        self._left = 0
        self.apply(proxy.fault)

    def apply(self, fault: Fault) -> None:
        """From now on."""
        self._fault, self._left = fault, fault.after

    async def run(self) -> None:
        """Carry bytes until either side ends."""
        try:
            answers, self._service = await asyncio.open_connection(*self._proxy.target)
            self._proxy.ends.add(self._service)
        except OSError:
            self._writer.close()
            return
        upward = asyncio.ensure_future(self._copy(self._reader, self._service))
        try:
            await self._answer(answers)
        except OSError:
            pass  # one of the two is gone, and so is the link
        finally:
            upward.cancel()
            self.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(READ):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # as above
        writer.close()  # a client that has left wants no answer either

    async def _answer(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(READ):
            if self._fault.kind == "delay":
                is_over = asyncio.Event()
                asyncio.get_running_loop().call_later(self._fault.seconds, is_over.set)
                await is_over.wait()
            passed = self._damaged(data)
            if passed:
                self._writer.write(passed)
                await self._writer.drain()
            if len(passed) < len(data):  # its last was reached
                if self._fault.kind == "reset":
                    self.reset()
                if self._fault.kind != "stall":
                    return

    def _damaged(self, data: bytes) -> bytes:
        kind, left = self._fault.kind, self._left
        self._left = max(0, left - len(data))
        if kind in ("truncate", "reset", "stall"):
            return data[:left]
        if kind == "corrupt" and left < len(data):
            self._fault = HEALTHY
            return data[:left] + bytes((data[left] ^ 0xFF,)) + data[left + 1 :]
        return data

    def reset(self) -> None:
        """Reset both sides."""
        for writer in (self._writer, self._service):
            if writer is not None:
                own: socket.socket = writer.get_extra_info("socket")
                own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()

    def close(self) -> None:
        """Close both sides."""
        self._writer.close()
        if self._service is not None:
            self._service.close()


class ChaosProxy:
    """The proxy, in a thread of its own; a context manager."""

    def __init__(self, target: tuple[str, int]) -> None:
        """``target``: host and port of the service."""
        self.target = target
        self.fault = HEALTHY
        self.port = 0
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.ends: WeakSet[asyncio.StreamWriter] = (
            WeakSet()
        )  # of all links that were, as the last bytes of one may be on their way
        self._listener: socket.socket | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def address(self) -> str:
        """As a configuration has it."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> ChaosProxy:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def order(self, kind: str, after: int = 0, seconds: float = 0.0) -> None:
        """Do that from now on; see the head of this file."""
        self._do(self._begin(Fault(kind, after, seconds)))

    def heal(self) -> None:
        """Pass everything on; what stalls is cut, as its bytes are lost."""
        self._do(self._begin(HEALTHY))

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _listen(self) -> None:
        # No server of asyncio, nor its sock_accept: one that is closed forgets to close what it has just accepted.
        listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._loop.add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            own, _ = listener.accept()
            task = self._loop.create_task(self._serve(own))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _refuse(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    async def _begin(self, fault: Fault) -> None:
        was_stalling = self.fault.kind == "stall"
        self.fault = fault
        if fault.kind == "refuse":
            self._refuse()
        elif self._listener is None:
            await self._listen()
        for link in self._links:
            if fault.kind == "cut" or was_stalling:
                link.close()
            else:
                link.apply(fault)

    async def _serve(self, own: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=own)
        self.ends.add(writer)
        link = _Link(self, reader, writer)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)

    async def _stop(self) -> None:
        self._refuse()
        for writer in self.ends:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*[writer.wait_closed() for writer in self.ends], return_exceptions=True)

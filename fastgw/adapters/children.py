"""Processes that run a service of its own each, for work that would hold the interpreter (``run: process``).

    worker ── length, input as JSON ──▶ child          one call at a time
           ◀── length, kind, payload ──                RESULT, or EVENT ... END, or REFUSED, or BROKE

The input goes there as it came and the answer comes back as it is sent: the loop of the worker reads no JSON for it.  A child ends with its
worker: then its end of the socket pair is closed, and the kernel is asked to end it, should it be busy.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import orjson

from fastgw.adapters.runners import Call, CallGone, Runnable
from fastgw.errors import DownstreamError, GatewayError, InternalError, UpstreamError
from fastgw.plugins import PluginError

HEAD: Final = struct.Struct("=I")
RESULT, EVENT, END, REFUSED, BROKE, READY = b"R", b"E", b"D", b"F", b"X", b"O"
FRAME_MAX: Final = 1 << 30  #: bytes of an answer; what is more is not believed
LEAVE_SECONDS: Final = 1.0  #: for a child to end by itself

_KINDS: dict[str, type[GatewayError]] = {one.fault: one for one in (DownstreamError, UpstreamError, InternalError)}


class ServiceError(Exception):
    """What a service has raised in its own process, or what has become of that."""

    def __init__(self, text: str) -> None:
        """``text``: its last line says what, the lines before it are the traceback there."""
        lines = text.strip().splitlines() or [""]
        super().__init__(lines[-1])
        if len(lines) > 1:
            self.add_note(text)


def told(error: GatewayError) -> bytes:
    """``error`` for the other process."""
    fields = {name: getattr(error, name) for name in ("fault", "status", "code", "detail", "reason", "headers")}
    return orjson.dumps(fields)


def heard(data: bytes) -> GatewayError:
    """The error that was ``told``."""
    found = orjson.loads(data)
    headers = tuple((str(name), str(value)) for name, value in found["headers"])
    kind = _KINDS.get(found["fault"], InternalError)
    return kind(found["status"], found["code"], found["detail"], reason=found["reason"], headers=headers)


def processors_of_gateway() -> list[int] | None:
    """The processors that our supervisor may use, if this worker is pinned to less of them; its children are not."""
    try:
        allowed = os.sched_getaffinity(os.getppid())
    except OSError:  # it has ended
        return None
    return sorted(allowed) if allowed != os.sched_getaffinity(0) else None


class Child:
    """One process with the service in it."""

    __slots__ = ("_process", "_reader", "_writer")

    def __init__(self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: Any) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, instance: Runnable) -> Child:
        """A new one, which is ready.

        Raises:
            ServiceError: the service cannot be made there.
            OSError, EOFError: the process did not start.
        """
        inside = instance.inside
        ours, theirs = socket.socketpair()
        given: dict[str, Any] = {"reference": inside.reference, "folder": inside.folder}
        given["is_batched"] = inside.batch is not None
        given["settings"] = base64.b64encode(inside.settings_json).decode()
        given["processors"] = processors_of_gateway()
        command = [sys.executable, "-P", "-m", "fastgw.adapters.child", str(theirs.fileno()), json.dumps(given)]
        with theirs:
            # Here, and not in a thread: the kernel ends a child with the thread that has started it (``child.end_with_parent``).
            process = subprocess.Popen(  # noqa: ASYNC220
                command, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=ours)
        child = cls(process, reader, writer)
        try:
            kind, data = await child.receive()
        except BaseException:
            child.kill()
            raise
        if kind != READY:
            child.kill()
            raise ServiceError(data.decode())
        return child

    async def send(self, data: bytes) -> None:
        """One frame."""
        self._writer.write(HEAD.pack(len(data)))
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> tuple[bytes, bytes]:
        """The next frame: its kind, and what it says.

        Raises:
            EOFError: the process is gone.
        """
        head = await self._reader.readexactly(HEAD.size)
        (size,) = HEAD.unpack(head)
        if not 0 < size <= FRAME_MAX:
            raise EOFError("it did not say what a child says")
        data = await self._reader.readexactly(size)
        return data[:1], data[1:]

    def kill(self) -> None:
        """End it now."""
        self._writer.close()
        self._process.kill()
        self._process.wait()

    async def leave(self) -> None:
        """Let it end by itself, which it does when nobody speaks to it, or kill it."""
        self._writer.close()
        for _ in range(round(LEAVE_SECONDS / 0.02)):
            if self._process.poll() is not None:
                return
            await asyncio.sleep(0.02)
        self._process.kill()
        self._process.wait()

    @property
    def code(self) -> str:
        """How it has ended, in words."""
        try:
            status = self._process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            return "it said what no child says"
        return f"it was ended by signal {-status}" if status < 0 else f"it ended with status {status}"


class Children:
    """The processes of one instance: as many as have had work at one time."""

    __slots__ = ("_idle", "_instance")

    def __init__(self, instance: Runnable) -> None:
        self._idle: list[Child] = []
        self._instance = instance

    async def open(self) -> None:
        """Have as many as there may be calls.

        Raises:
            PluginError: one cannot be.
        """
        for _ in range(self._instance.workers):
            try:
                self._idle.append(await Child.start(self._instance))
            except ServiceError as error:
                raise PluginError(f"it cannot be made in a process: {error}") from error
            except (EOFError, OSError) as error:
                raise PluginError(f"its process does not start: {error}") from error

    async def close(self) -> None:
        """Let those go that have nothing to do."""
        leaving, self._idle = self._idle, []
        await asyncio.gather(*[child.leave() for child in leaving])

    async def ask(self, body: bytes, listen: Callable[[Child], Awaitable[None]]) -> None:
        """Send ``body`` to one of them; ``listen`` hears what it says, to its end.

        Raises:
            CallGone: of ``listen``; the process is ended, for it would go on.
            ServiceError: the process is gone.
        """
        child: Child | None = None
        try:
            child = self._idle.pop() if self._idle else await Child.start(self._instance)
            await child.send(body)
            await listen(child)
        except CallGone:
            if child is not None:
                child.kill()
            raise
        except (EOFError, OSError) as error:
            why = str(error)
            if child is not None:
                child.kill()
                why = child.code
            raise ServiceError(f"the process of the service is gone: {why}") from error
        self._idle.append(child)


class ProcessRunner:
    """Each call has a process to its end."""

    __slots__ = ("_children", "_instance", "_tasks")

    def __init__(self, instance: Runnable) -> None:
        self._instance = instance
        self._children = Children(instance)
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, call: Call, body: bytes) -> None:
        """See ``Runner``; the Task is not the call's: it is not cancelled, for what is half read would be in the way of the next."""
        task = self._instance.loop.create_task(self._run(call, body))
        self._tasks.add(task)

        def over(_: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            call.over()

        task.add_done_callback(over)

    async def _run(self, call: Call, body: bytes) -> None:
        try:
            await self._children.ask(body, lambda child: self._listen(call, child))
        except CallGone:
            pass
        except ServiceError as error:
            call.broke(error)

    async def _listen(self, call: Call, child: Child) -> None:
        while True:
            kind, data = await child.receive()
            if kind == EVENT:
                await call.send(data)
                continue
            if kind == RESULT:
                call.answered(data)
            elif kind == END:
                call.end_stream()
            else:
                call.broke(_error(kind, data))
            return

    async def open(self) -> None:
        """See ``Runner``."""
        await self._children.open()

    async def close(self) -> None:
        """See ``Runner``."""
        await self._children.close()


class InProcesses:
    """Batches in processes (a ``batches.BatchWorker``): as many frames come back as items went there."""

    __slots__ = ("_children",)

    def __init__(self, instance: Runnable) -> None:
        self._children = Children(instance)

    async def run(self, inputs: list[dict[str, Any]]) -> Sequence[Any]:
        """See ``batches.BatchWorker``."""
        answers: list[Any] = []

        async def listen(child: Child) -> None:
            while len(answers) < len(inputs):
                kind, data = await child.receive()
                answers.append(orjson.Fragment(data) if kind == RESULT else _error(kind, data))

        await self._children.ask(orjson.dumps(inputs), listen)
        return answers

    async def open(self) -> None:
        """See ``batches.BatchWorker``."""
        await self._children.open()

    async def close(self) -> None:
        """See ``batches.BatchWorker``."""
        await self._children.close()


def _error(kind: bytes, data: bytes) -> Exception:
    return heard(data) if kind == REFUSED else ServiceError(data.decode(errors="replace"))

"""Filters that see bodies, and do what a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from fastgw.core.exchange.filter import BodyHook, GatheredHook
from fastgw.testing.edge import body_of, head_of
from fastgw.wire.chunked import ChunkReader


class Taped(BodyHook):
    """Writes down what it is fed; a function may make other bytes of each piece, and of the end (None)."""

    def __init__(self, act: Callable[[bytes | None], bytes] | None = None, **attributes: Any) -> None:
        self.tape: list[bytes | None] = []
        self._act = act
        for name, value in attributes.items():
            setattr(self, name, value)

    def feed(self, data: bytes) -> bytes:
        self.tape.append(data)
        return self._act(data) if self._act is not None else data

    def finish(self) -> bytes:
        self.tape.append(None)
        return self._act(None) if self._act is not None else b""

    @property
    def data(self) -> bytes:
        """All it was fed."""
        return b"".join(one for one in self.tape if one is not None)


class Gathering(GatheredHook):
    """Writes down what it is given; ``act`` makes something of it, at once or later."""

    def __init__(self, act: Callable[[bytes], Any], **attributes: Any) -> None:
        self.tape: list[bytes] = []
        self._act = act
        for name, value in attributes.items():
            setattr(self, name, value)

    def whole(self, data: bytes) -> Any:
        self.tape.append(data)
        return self._act(data)


class Watching:
    """A filter with the body hooks that are named, each opened by what ``made`` returns; ``seen`` has all it returned."""

    def __init__(self, name: str, kinds: Sequence[str], made: Callable[[Any], Any]) -> None:
        self.name = name
        self.seen: list[Any] = []
        self._made = made
        for kind in kinds:
            setattr(self, kind, self._open)

    def _open(self, exchange: Any) -> Any:
        hook = self._made(exchange)
        self.seen.append(hook)
        return hook


def upper(data: bytes | None) -> bytes:
    """Change, and keep the length."""
    return data.upper() if data is not None else b""


def doubled(data: bytes | None) -> bytes:
    """Change the length."""
    return data * 2 if data is not None else b"!"


class Later:
    """Hand everything on at the end."""

    def __init__(self) -> None:
        self._kept = b""

    def __call__(self, data: bytes | None) -> bytes:
        if data is not None:
            self._kept += data
            return b""
        return self._kept


class Elsewhere:
    """In the place of threads: does work when it is told to."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Callable[[], Any], Future[Any]]] = []

    def __call__(self, work: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self.jobs.append((work, future))
        return future

    def do(self) -> None:
        """Do the oldest."""
        work, future = self.jobs.pop(0)
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)


def plain(message: bytes) -> bytes:
    """The data of the body behind the head of ``message``, which must be complete."""
    head, body = head_of(message), body_of(message)
    if b"transfer-encoding: chunked" in head:
        reader = ChunkReader(1000, 10, decode=True)
        data = reader.feed(body, 0)
        assert reader.done and reader.end == len(body)
        return data
    if b"content-length: " in head:
        assert int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]) == len(body)
    return body


def reading(kind: str, act: Any = None, **attributes: Any) -> Watching:
    """A filter whose body hook of this kind is a new tape each time."""
    return Watching(kind, [kind], lambda exchange: Taped(act, **attributes))


def gathering(kind: str, act: Callable[[bytes], Any], name: str = "bad", **attributes: Any) -> Watching:
    """A filter whose body hook of this kind is gathered for."""
    return Watching(name, [kind], lambda exchange: Gathering(act, **attributes))

"""Workers at one board, each with a gate before its service, on one mock loop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastgw.core.live.board import Board, blank
from fastgw.core.live.gate import GateTerms, ServiceGate
from fastgw.core.live.holds import sit_down
from fastgw.core.live.words import BOARD_BYTES
from fastgw.core.settings import AdmissionSettings
from fastgw.testing.edge import Edge, new_loop

SETTINGS = AdmissionSettings(
    limit=1,
    least=0,
    most=0,
    queue_size=0,
    queue_timeout=1.0,
    discipline="fifo",
    classes=("all",),
    reserved=(0.0,),
    default_rank=0,
    status="503",
    retry_after=1.0,
    shed_lag=0.0,
    is_forecast=False,
)
RANKED = {"classes": ("high", "low"), "reserved": (0.0, 0.0), "default_rank": 1}


def field(name: bytes) -> Any:
    return lambda exchange: exchange.request.header(name) or b""


def terms(**changes: Any) -> GateTerms:
    settings = SETTINGS._replace(**changes)
    return GateTerms(
        settings,
        field(b"x-class") if len(settings.classes) > 1 else None,
        field(b"x-key") if settings.discipline == "fair" else None,
    )


def ask(field: bytes = b"", value: bytes = b"", path: bytes = b"/") -> bytes:
    line = field + b": " + value + b"\r\n" if field else b""
    return b"GET " + path + b" HTTP/1.1\r\nHost: a.test\r\n" + line + b"\r\n"


def high(path: bytes = b"/") -> bytes:
    return ask(b"X-Class", b"high", path)


class Workers:
    """Some workers of one gateway."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.loop = new_loop()
        self.edges: list[Edge] = []

    def worker(self, options: dict[str, Any] | None = None, **changes: Any) -> Edge:
        """One more; ``options``: of its Edge, ``changes``: of its gate's settings."""
        edge = Edge(seat=sit_down(Board(self.fd)), loop=self.loop, **(options or {}))
        self.apply(edge, **changes)
        self.edges.append(edge)
        return edge

    @staticmethod
    def apply(edge: Edge, **changes: Any) -> ServiceGate:
        """A (re)load with such a gate."""
        service = edge.service
        service.terms = terms(**changes)
        gate = service.gate = edge.plane.registry.gate("s", service.slot, service.terms)
        edge.install(edge.listener)
        return gate

    def end(self) -> None:
        """Nothing may be left on the board either."""
        for edge in self.edges:
            if not edge.plane.is_over:
                edge.plane.close()
        for edge in self.edges:
            if edge.plane.seat is not None:
                assert not any(word >> 34 for _, word in _ledger(edge.plane.seat))
                edge.plane.seat.board.close()
                edge.plane.seat = None


def _ledger(seat: Any) -> Iterator[tuple[int, int]]:
    from fastgw.core.live.words import CELLS, LEDGERS_AT

    return iter(seat.board.written(LEDGERS_AT + seat.number * CELLS, CELLS))


@contextmanager
def workers() -> Iterator[Workers]:
    fd = os.memfd_create("board")
    os.ftruncate(fd, BOARD_BYTES)
    os.pwrite(fd, blank(bytes(16)), 0)
    found = Workers(fd)
    try:
        yield found
        found.end()
    finally:
        os.close(fd)

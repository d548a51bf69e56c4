"""``access_log``: one JSON line per exchange, formatted when it ends and written in batches (``filters.json_lines``).

Every value that comes from a client is escaped (orjson) and cut to ``VALUE_MAX`` bytes, so no client can forge a line.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastgw.core.timestamp import timestamp
from fastgw.filters.json_lines import BATCH_BYTES, FLUSH_SECONDS, JsonLines
from fastgw.filters.variables import Template, note_bytes

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Client, Exchange
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.errors import GatewayError

VALUE_MAX = 1024

#: Of every line.
KEYS = (
    *("time", "id", "client", "method", "host", "path", "status", "route", "service", "endpoint", "attempts", "ms"),
    *("in", "out"),
)
RARE_KEYS = ("error", "fault", "detail", "dropped", "half_closed")  #: of a line that needs them


class AccessLog:
    """Writes to ``path``: ``stdout``, ``stderr`` or a file, which is opened again on SIGUSR1 and on every reload (for log rotation)."""

    __slots__ = ("_fields", "_lines", "_wall", "name")

    def __init__(self, name: str, options: Mapping[str, Any], wall: Callable[[], float] = time.time) -> None:
        """``options``: ``path``, ``batch`` (bytes), ``flush`` (seconds), ``fields`` (pairs); ``wall``: seconds since 1970."""
        self.name = name
        self._fields = [(name, Template(parts)) for name, parts in options.get("fields", ())]
        self._wall = wall
        self._lines = JsonLines(
            options.get("path", "stdout"), options.get("batch", BATCH_BYTES), options.get("flush", FLUSH_SECONDS)
        )

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be opened for appending.
        """
        self._lines.start(loop)

    def stop(self) -> None:
        """Close it, without waiting."""
        self._lines.stop()

    def done(self, exchange: Exchange) -> None:
        """Add the exchange's line."""
        request, response = exchange.request, exchange.response
        error = exchange.error
        service: Service | None = exchange.service
        status = error.status if error is not None and error.status == 499 else response.status
        line: dict[str, Any] = {
            "time": timestamp(self._wall()),
            "id": _text(request.request_id),
            "client": _text(exchange.client.address),
            "method": _text(request.method),
            "host": _text(request.host),
            "path": _text(request.original_path or request.path),
            "status": status,
            "route": exchange.route.name,
            "service": service.name if service is not None else None,
            "endpoint": exchange.asked or None,
            "attempts": exchange.attempts,
            "ms": round((exchange.plane.clock() - exchange.started) * 1000, 3),
            "in": exchange.body.received,
            "out": exchange.bytes_out,
        }
        if exchange.is_half_closed:
            line["half_closed"] = True
        if error is not None:
            line |= _failure(error)
        if exchange.notes is not None:
            for name in exchange.route.chain.logged:
                if name in exchange.notes and name not in line:
                    line[name] = _shown(exchange.notes[name])
        for name, template in self._fields:
            line[name] = _shown(template.fill(exchange)) or None
        self._lines.add(line)

    def refused(self, connection: Client, error: GatewayError) -> None:
        """Add the line of bytes that never became an exchange: what is not known of it is null."""
        line = dict.fromkeys((*KEYS, *(name for name, _ in self._fields)))
        line |= {"time": timestamp(self._wall()), "client": _text(connection.address), "status": error.status}
        line |= {"attempts": 0, **_failure(error)}
        self._lines.add(line)


def _failure(error: GatewayError) -> dict[str, Any]:
    return {"error": error.code, "fault": error.fault, "detail": error.reason[:VALUE_MAX]}


def _shown(note: Any) -> Any:
    """A note as JSON: numbers and truths as they are, all else as text."""
    is_plain = note is None or isinstance(note, bool | float) or (isinstance(note, int) and abs(note) < 2**63)
    return note if is_plain else note_bytes(note)[:VALUE_MAX].decode("utf-8", "replace")


def _text(value: bytes) -> str:
    return value[:VALUE_MAX].decode("latin-1")

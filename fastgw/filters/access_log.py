"""``access_log``: one JSON line per exchange, formatted when it ends and written in batches (``filters.json_lines``).

Every value that comes from a client is escaped (orjson) and cut to ``VALUE_MAX`` bytes, so no client can forge a line.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from fastgw.core.timestamp import timestamp
from fastgw.filters.json_lines import BATCH_BYTES, FLUSH_SECONDS, JsonLines
from fastgw.filters.variables import Template, note_bytes
from fastgw.filters.writer import VALUE_MAX, Writer

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Client, Exchange
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.errors import GatewayError

#: Of every line.
KEYS = (
    *("time", "id", "client", "method", "host", "path", "status", "route", "service", "endpoint", "attempts", "ms"),
    *("in", "out"),
)
RARE_KEYS = (
    "error",
    "fault",
    "detail",
    "dropped",
    "half_closed",
    "cache",
    "fallback",
    "fallback_from",
)  #: of a line that needs them


class AccessLog:
    """Writes to ``path``: ``stdout``, ``stderr`` or a file, which is opened again on SIGUSR1 and on every reload (for log rotation)."""

    __slots__ = ("_fields", "_lines", "_second", "_taken", "_time", "_wall", "name")

    def __init__(self, name: str, options: Mapping[str, Any], wall: Callable[[], float] = time.time) -> None:
        """``options``: ``path``, ``batch`` (bytes), ``flush`` (seconds), ``fields`` (pairs); ``wall``: seconds since 1970."""
        self.name = name
        self._fields = [(name, Template(parts)) for name, parts in options.get("fields", ())]
        self._taken = frozenset(
            (*KEYS, *RARE_KEYS, *(name for name, _ in self._fields))
        )  # what no note can be called by
        self._second = -1  # since 1970, which ``_time`` is the text of
        self._time = b""
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
        request, error, writer = exchange.request, exchange.error, self._lines.writer
        service: Service | None = exchange.service
        now = exchange.plane.clock()
        micros = int((now - exchange.started) * 1e6 + 0.5)
        self._begin(writer)
        writer.text(request.request_id)
        writer.put(b',"client":')
        writer.text(exchange.client.address)
        writer.put(b',"method":')
        writer.text(request.method)
        writer.put(b',"host":')
        writer.text(request.host)
        writer.put(b',"path":')
        writer.text(request.original_path or request.path)
        writer.put(b',"status":')
        writer.number(499 if error is not None and error.status == 499 else exchange.response.status)
        writer.put(b',"route":')
        writer.string(exchange.route.name)
        _write_name(writer, b',"service":', service.name if service is not None else "")
        _write_name(writer, b',"endpoint":', exchange.asked)
        writer.put(b',"attempts":')
        writer.number(exchange.attempts)
        writer.put(b',"ms":')
        writer.number(micros // 1000)
        writer.put(b".")
        writer.three(micros)
        writer.put(b',"in":')
        writer.number(exchange.body.received)
        writer.put(b',"out":')
        writer.number(exchange.bytes_out)
        if exchange.is_half_closed:
            writer.put(b',"half_closed":true')
        if error is not None:
            self._write(writer, _failure(error))
        if exchange.notes is not None:
            self._write_notes(writer, exchange)
        if self._fields:
            self._write(writer, {name: _shown(template.fill(exchange)) or None for name, template in self._fields})
        self._lines.end()

    def refused(self, connection: Client, error: GatewayError) -> None:
        """Add the line of bytes that never became an exchange: what is not known of it is null."""
        line = dict.fromkeys((*KEYS, *(name for name, _ in self._fields)))
        line |= {"time": timestamp(self._wall()), "client": _text(connection.address), "status": error.status}
        line |= {"attempts": 0, **_failure(error)}
        self._lines.add(line)

    def _begin(self, writer: Writer) -> None:
        """Begin a line, up to its id."""
        now = self._wall()
        millis = int(now * 1000)
        second = millis // 1000
        if second != self._second:
            self._second = second
            self._time = b'{"time":"' + timestamp(second)[: -len("000Z")].encode()
        self._lines.begin()
        writer.put(self._time)
        writer.three(millis)
        writer.put(b'Z","id":')

    def _write_notes(self, writer: Writer, exchange: Exchange) -> None:
        """Those that filters of the route want in the line."""
        notes = exchange.notes
        assert notes is not None
        if "cache" in notes:
            self._write(writer, {"cache": _shown(notes["cache"])})
        if "fallback" in notes:
            self._write(writer, {name: _shown(notes[name]) for name in ("fallback", "fallback_from")})
        for name in exchange.route.chain.logged:
            if name not in notes or name in self._taken:
                continue
            note = notes[name]
            writer.put(b",")
            writer.string(name)
            writer.put(b":")
            if type(note) is str and len(note) <= VALUE_MAX and note.isascii():
                writer.string(note)
            else:
                writer.put(orjson.dumps(_shown(note)))

    def _write(self, writer: Writer, members: Mapping[str, Any]) -> None:
        """More members."""
        writer.put(b",")
        writer.put(orjson.dumps(members)[1:-1])


def _write_name(writer: Writer, key: bytes, name: str) -> None:
    writer.put(key)
    if name:
        writer.string(name)
    else:
        writer.put(b"null")


def _failure(error: GatewayError) -> dict[str, Any]:
    return {"error": error.code, "fault": error.fault, "detail": error.reason[:VALUE_MAX]}


def _shown(note: Any) -> Any:
    """A note as JSON: numbers and truths as they are, all else as text."""
    is_plain = note is None or isinstance(note, bool | float) or (isinstance(note, int) and abs(note) < 2**63)
    return note if is_plain else note_bytes(note)[:VALUE_MAX].decode("utf-8", "replace")


def _text(value: bytes) -> str:
    return value[:VALUE_MAX].decode("latin-1")

"""``access_log``: one line per exchange, formatted when it ends and written in batches (``filters.log_lines``).

``access_log`` makes the filter: ``AccessLog`` writes JSON, ``text_log.TextLog`` by a template, and ``sampled_log.SampledLog`` stands in
front of either where not every exchange has a line.

Every value that comes from a client is escaped and cut to ``VALUE_MAX`` bytes, so no client can forge a line.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from fastgw.core.exchange.about import trace_ids
from fastgw.core.timestamp import timestamp
from fastgw.filters.log_lines import BATCH_BYTES, FLUSH_SECONDS, LogLines
from fastgw.filters.variables import Template, note_bytes
from fastgw.filters.writer import VALUE_MAX, Writer

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Client, Exchange
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.errors import GatewayError
    from fastgw.filters.sampled_log import SampledLog
    from fastgw.filters.text_log import TextLog

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
    "sampled",
)  #: of a line that needs them
IDS = ("trace_id", "span_id")  #: where there are traces, and no field of the configuration is called so


def access_log(
    name: str,
    options: Mapping[str, Any],
    wall: Callable[[], float] = time.time,
    chance: Callable[[], float] = random.random,
) -> AccessLog | TextLog | SampledLog:
    """The filter, whose lines go to ``path``: ``stdout``, ``stderr`` or a file, which is opened again on SIGUSR1 and on every reload.

    Args:
        name: what the configuration calls it.
        options: ``path``; ``batch`` (bytes); ``flush`` (seconds); ``rotate`` (pairs: ``size`` in bytes, ``keep``); ``format``, json or
            combined; ``template``, the parts of a line of text instead; ``fields`` (pairs) of one of JSON; ``sample``, a fraction, and
            ``always`` (pairs), as ``SampledLog`` has them.
        wall: seconds since 1970.
        chance: from 0 to 1, which 1 never is.
    """
    is_text = bool(options.get("template")) or options.get("format") == "combined"
    lines = LogLines(
        options.get("path", "stdout"),
        options.get("batch", BATCH_BYTES),
        options.get("flush", FLUSH_SECONDS),
        rotate=options.get("rotate"),
        is_json=not is_text,
    )

    def of_share(share: float) -> AccessLog | TextLog:
        if is_text:
            from fastgw.filters.text_log import TextLog

            return TextLog(name, options, lines, wall, share)
        return AccessLog(name, options, lines, wall, share)

    sample = options.get("sample", 1.0)
    if sample >= 1:
        return of_share(1.0)
    from fastgw.filters.sampled_log import SampledLog

    return SampledLog(of_share(1.0), of_share(sample), sample, dict(options["always"]), chance)


class AccessLog:
    """Writes lines of JSON."""

    __slots__ = ("_fields", "_has_more", "_ids", "_lines", "_second", "_share", "_taken", "_time", "_wall", "name")

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        lines: LogLines,
        wall: Callable[[], float] = time.time,
        share: float = 1.0,
    ) -> None:
        """``options``: ``fields`` (pairs); ``lines``: where they go; ``wall``: seconds since 1970; ``share``: of the exchanges that might
        have a line so many have one."""
        self.name = name
        self._fields = [(name, Template(parts)) for name, parts in options.get("fields", ())]
        named = {name for name, _ in self._fields}
        self._taken = frozenset((*KEYS, *RARE_KEYS, *IDS, *named))  # what no note can be called by
        self._ids = [(b',"%b":"' % name.encode(), place) for place, name in enumerate(IDS) if name not in named]
        self._second = -1  # since 1970, which ``_time`` is the text of
        self._time = b""
        self._wall = wall
        self._lines = lines
        self._share = share
        self._has_more = bool(self._fields) or share < 1

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
        if exchange.route.chain.is_traced:
            self._write_ids(writer, exchange)
        if exchange.notes is not None:
            self._write_notes(writer, exchange)
        if self._has_more:
            self._write(writer, self._more(exchange))
        self._lines.end()

    def refused(self, connection: Client, error: GatewayError) -> None:
        """Add the line of bytes that never became an exchange: what is not known of it is null."""
        from fastgw.filters.refusals import refused_exchange

        known = refused_exchange(connection, error)
        request = known.request
        line: dict[str, Any] = dict.fromkeys(KEYS)
        line |= {"time": timestamp(self._wall()), "client": _text(connection.address), "status": error.status}
        line |= {"method": _text(request.method) or None, "host": _text(request.host) or None}
        line["path"] = _text(request.path) or None
        line |= {"attempts": 0, **_failure(error), **self._more(known)}
        self._lines.add(line)

    def _more(self, exchange: Any) -> dict[str, Any]:
        """What the configuration wants in each line, and the share that it stands for."""
        found = {name: _shown(template.fill(exchange)) or None for name, template in self._fields}
        return found | {"sampled": self._share} if self._share < 1 else found

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

    def _write_ids(self, writer: Writer, exchange: Exchange) -> None:
        ids = trace_ids(exchange)
        for key, place in self._ids:
            writer.put(key)
            writer.put(ids[place])
            writer.put(b'"')

    def _write_notes(self, writer: Writer, exchange: Exchange) -> None:
        """Those that filters of the route want in the line."""
        notes = exchange.notes
        assert notes is not None
        if "cache" in notes:
            self._write(writer, {"cache": _shown(notes["cache"])})
        if "fallback" in notes:
            self._write(writer, {name: _shown(notes[name]) for name in ("fallback", "fallback_from")})
        if "websocket" in notes and "websocket" not in self._taken:
            self._write(writer, {"websocket": notes["websocket"]})
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

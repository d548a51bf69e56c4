"""A hard ceiling inside a stream: where what was reserved for an answer is used up, and no more is to be had, the answer ends.

    service ──▶ the meter, which counts what was generated ──▶ Ceiling ──▶ client

Whole events go on in the turn in which they came, as long as what was generated is within what is reserved.  What is beyond is asked for in
slices, of all limits that count it.  Where one of them has no more, the events beyond are kept back, the last ones of the dialect are said
in their place (``filters.last_events``), and the service is aborted: for the client the model has come to its limit.

Tokens are counted as ``usage`` estimates them while they come, so a stream may have some more or fewer than its service counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.core.exchange.filter import BodyHook
from fastgw.filters.last_events import Ending, last_events
from fastgw.wire import sse
from fastgw.wire.ndjson import LineReader, lines
from fastgw.wire.sse import EventReader
from fastgw.wire.usage import NOT_TOLD

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.filters.metering import UsageMeter

SLICE: Final = 64  #: tokens that are asked for at once
_DELTA_MARK: Final = b"message_delta"
_BLOCK_MARK: Final = b"content_block_st"  #: of its start and of its stop


class Ceiling(BodyHook):
    """Of one answer."""

    def __init__(
        self,
        exchange: Exchange,
        meter: UsageMeter,
        allowed: int,
        more: Callable[[], bool],
        ending: Ending,
        *,
        is_of_lines: bool,
    ) -> None:
        """``meter``: that has read what comes, before; ``allowed``: tokens; ``more``: reserve a slice of them, True: it is there;
        ``ending``: what is known of it beforehand; ``is_of_lines``: it comes in lines, not in events."""
        self._exchange = exchange
        self._serial = exchange.serial
        self._meter = meter
        self._allowed = allowed
        self._more = more
        self._ending = ending
        self._is_of_lines = is_of_lines
        self._reader: Any = LineReader() if is_of_lines else EventReader()
        self._is_of_messages = (exchange.request.original_path or exchange.request.path).endswith(b"/messages")
        self._told = NOT_TOLD
        self._offset = 0  # tokens that the meter estimates too few
        self._first: Any = None
        self._open_block = -1
        self._is_over = False

    def feed(self, data: bytes) -> bytes:
        """See ``BodyHook``."""
        if self._is_over:
            return b""
        block: bytes = self._reader.feed(data)
        if not block:
            return b""
        if self._first is None:
            self._first = _said(next(iter(self._parts(block)), (b"", 0))[0])
        generated = self._generated(block)
        while generated > self._allowed:
            if not self._more():
                return self._cut(block, generated)
            self._allowed += SLICE
        if _BLOCK_MARK in block:
            self._look(block)
        return block

    def finish(self) -> bytes:
        """See ``BodyHook``."""
        return b"" if self._is_over else self._reader.finish()

    def _generated(self, block: bytes) -> int:
        """Tokens so far: as the meter estimates them, or as the service tells them, from when it does.

        What Anthropic's tells in ``message_start`` is of the beginning alone."""
        estimate, told = self._meter.generated(), self._meter.told.completion
        if told != self._told:
            self._told = told
            if self._meter.first and (_DELTA_MARK in block or not self._is_of_messages):
                self._offset = told - estimate
        return estimate + self._offset

    def _cut(self, block: bytes, generated: int) -> bytes:
        """The last bytes: what of ``block`` is within what is allowed, and the end."""
        parts = self._parts(block)
        kept = max(0, len(parts) - (generated - self._allowed))
        place = parts[kept][1] if kept < len(parts) else len(block)
        goes_on = block[:place]
        if _BLOCK_MARK in goes_on:
            self._look(goes_on)
        told = self._meter.told
        beyond = _said(parts[kept][0]) if kept < len(parts) else None
        sequence = beyond.get("sequence_number", 0) if isinstance(beyond, dict) else 0
        request = self._exchange.request
        end = last_events(
            request.original_path or request.path,
            self._first,
            self._ending._replace(
                prompt=told.prompt if told.prompt != NOT_TOLD else self._ending.prompt,
                completion=self._allowed,
                open_block=self._open_block,
                sequence=sequence if isinstance(sequence, int) else 0,
            ),
        )
        self._is_over = True
        self._exchange.plane.loop.call_soon(self._end)  # when this has gone out
        return goes_on + end

    def _end(self) -> None:
        """The service is made to have said the last, unless it has meanwhile; what it still says goes nowhere."""
        exchange = self._exchange
        if exchange.serial == self._serial and exchange.carrier is not None:
            exchange.on_last_body(b"", 0)

    def _parts(self, block: bytes) -> list[tuple[bytes, int]]:
        """What each event says, and where it begins."""
        if not self._is_of_lines:
            return [(one.data, one.start) for one in sse.events(block, self._reader.begin)]
        found, at = [], self._reader.begin
        for line in lines(block, at):
            at = block.index(line, at)
            found.append((line, at))
            at += len(line)
        return found

    def _look(self, block: bytes) -> None:
        """Which block of content is open behind the events of ``block`` (Anthropic)."""
        for data, _ in self._parts(block):
            if _BLOCK_MARK not in data:
                continue
            said = _said(data)
            if isinstance(said, dict) and isinstance(said.get("index"), int):
                kind = said.get("type")
                if kind == "content_block_start":
                    self._open_block = said["index"]
                elif kind == "content_block_stop":
                    self._open_block = -1


def _said(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None

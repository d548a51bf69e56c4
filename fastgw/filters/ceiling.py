"""A hard ceiling inside a stream: where what was reserved for an answer is used up, and no more is to be had, the answer ends.

    service ──▶ the meter, which counts what was generated ──▶ Ceiling ──▶ client

Whole events go on in the turn in which they came, as long as what was generated is within what is reserved.  What is beyond is asked for in
slices, of all limits that count it.  Where one of them has no more, the events beyond are kept back, the last ones of the dialect are said
in their place (``filters.last_events``), and the service is aborted: for the client the model has come to its limit.

Tokens are counted as ``usage`` estimates them while they come, so a stream may have some more or fewer than its service counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.core.exchange.broken_streams import CEILING, count_broken
from fastgw.core.exchange.filter import BodyHook
from fastgw.core.limit_counters import CUT, RESERVED
from fastgw.core.live.meters import NoRoomError, admit
from fastgw.filters.last_events import Ending, last_events
from fastgw.filters.metering import LineMeter, StreamMeter
from fastgw.filters.token_rates import COMPLETION, COST, TOKENS
from fastgw.filters.token_refusals import count
from fastgw.filters.usage import NOTE
from fastgw.wire import sse
from fastgw.wire.ndjson import LineReader, lines
from fastgw.wire.sse import EventReader
from fastgw.wire.usage import NOT_TOLD

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.live.meters import Clock
    from fastgw.filters.metering import UsageMeter
    from fastgw.filters.prices import Prices
    from fastgw.filters.reservation import Reservation
    from fastgw.filters.token_limits import Counted

SLICE: Final = 64  #: tokens that are asked for at once
CHOICES_MAX: Final = (
    128  #: that have an end of their own: a client may ask for any number of what its service does not know
)
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
        count_broken(self._exchange, CEILING)
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


class Extension:
    """Reserves a slice more of what counts an answer."""

    __slots__ = ("_clock", "_exchange", "_limits", "_prices", "_tabs", "reserved")

    def __init__(
        self,
        exchange: Exchange,
        reserved: Reservation,
        limits: Sequence[Counted],
        tabs: Sequence[Any],
        clock: Clock,
        prices: Prices | None,
    ) -> None:
        """``reserved``: for the request, of which there are ``tabs`` at the ``limits``."""
        self._exchange = exchange
        self._limits = limits
        self._tabs = tabs
        self._clock = clock
        self._prices = prices
        self.reserved = reserved

    @property
    def allowed(self) -> int:
        """Tokens of the answer for which there is enough by now."""
        found = self.reserved.completion
        for one, tab in zip(self._limits, self._tabs, strict=True):
            if one.unit == TOKENS:
                found = min(found, tab.taken - self.reserved.prompt)
            elif one.unit == COMPLETION:
                found = min(found, tab.taken)
        return max(0, found)

    def __call__(self) -> bool:
        """False: there is none, and the limit that has none has counted it."""
        exchange = self._exchange
        found, slices = [], []
        for one, tab in zip(self._limits, self._tabs, strict=True):
            amount = SLICE if one.unit in (TOKENS, COMPLETION) else 0
            if one.unit == COST and self._prices is not None:
                amount = self.reserved.cost_of(self._prices, 0, SLICE)
            if amount:
                found.append((one, tab))
                slices.append(one.tab(exchange, self._clock, min(amount, one.burst)))
        try:
            refusing = admit(slices)
        except NoRoomError:
            return False
        for (one, tab), new in zip(found, slices, strict=True):
            one.limit.refill(exchange, new)
            if not refusing:
                tab.taken += new.taken
                if one.base:
                    exchange.plane.values[one.base + RESERVED] += new.taken
        if refusing:
            count(exchange, CUT, found[slices.index(refusing[0])][0])
        return not refusing


def ceiling_of(exchange: Exchange, more: Extension, wall: float) -> Ceiling | None:
    """That of the answer of ``exchange``; None: it is no stream, or nobody meters it.  ``wall``: seconds since 1970."""
    notes = exchange.notes
    used = notes.get(NOTE) if notes is not None else None
    meter = getattr(used, "meter", None)
    if used is None or not isinstance(meter, StreamMeter):
        return None
    reserved = more.reserved
    wants_usage = not used.strips and reserved.wants_usage
    ending = Ending(reserved.prompt, 0, min(reserved.choices, CHOICES_MAX), wants_usage=wants_usage, wall=wall)
    return Ceiling(exchange, meter, more.allowed, more, ending, is_of_lines=isinstance(meter, LineMeter))

"""The plain twin of ``_trace_ids.pyx``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

POOL: Final = 4096  #: random bytes that are fetched at once
TRACE: Final = 16  #: bytes of the id of a trace
SPAN: Final = 8  #: of that of a span
ALL: Final = 1 << 56  #: values that the last seven bytes of a trace id have, which chance is in (level 2, section 4)
NONE: Final = b"\xff" * 8  #: what no seven bytes reach


def least(sample: float) -> bytes:
    """What the last seven bytes of a trace id must reach for the trace to be recorded, where ``sample`` of all are, 0 to 1."""
    first = int((1.0 - sample) * ALL)
    return first.to_bytes(7, "big") if first < ALL else NONE


class TraceIds:
    """Random ids as hexadecimal digits (W3C Trace Context, sections 3.2.2.3 and 3.2.2.4); none is all zeros."""

    __slots__ = ("_at", "_chance", "_least", "_pool")

    def __init__(self, sample: float, chance: Callable[[int], bytes]) -> None:
        """``sample``: of new traces so many are recorded, 0 to 1; ``chance``: returns so many random bytes, at least 24."""
        self._least = least(sample)
        self._chance = chance
        self._pool = b""
        self._at = 0  # those before are used

    def span(self) -> bytes:
        """A new one of a span."""
        return self._digits(SPAN)

    def trace(self) -> bytes:
        """A new one of a trace; the one that ``unrecorded`` left, if it left one."""
        return self._digits(TRACE)

    def unrecorded(self, lines: bytes) -> bytes | None:
        """``lines`` and behind them the ``traceparent`` of a span of a new trace that is not recorded; None: the trace is to be recorded,
        and ``trace`` returns its id."""
        pool, at = self._filled(TRACE + SPAN)
        if pool[at + 9 : at + TRACE] >= self._least:
            return None
        return b"%btraceparent: 00-%b-%b-02\r\n" % (lines, self.trace(), self.span())

    def _digits(self, count: int) -> bytes:
        pool, at = self._filled(count)
        self._at = at + count
        found = pool[at : at + count]
        return (found if any(found) else found[:-1] + b"\1").hex().encode()

    def _filled(self, count: int) -> tuple[bytes, int]:
        """The pool, and where ``count`` bytes of it begin."""
        if self._at + count > len(self._pool):
            self._pool = self._chance(POOL)
            self._at = 0
        return self._pool, self._at

"""What the table of counters (``core.counters``) is written with: rows, each a metric, in blocks of 64-bit values.

A block hands out its places in the order of its rows, so a row needs no number.  What a row says is all that is said of its metric
anywhere: its place for whoever counts, its name and labels for the metrics page, its sentence for that page and for the documentation.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

COUNTER: Final = "counter"
GAUGE: Final = "gauge"
HISTOGRAM: Final = "histogram"


#: Upper bounds of the histograms in microseconds: 100 us to 10 min.
DURATION_BUCKETS: Final = (
    *(100, 250, 500),
    *(1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000),
    *(1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000, 600_000_000),
)
HISTOGRAM_SIZE: Final = (
    len(DURATION_BUCKETS) + 2
)  #: values of one: the sum in microseconds, the buckets, and what is above them all


def bucket_of(micros: int) -> int:
    """Place of a duration among the buckets: the first one whose bound is not below it, or the one behind them all."""
    return bisect_left(DURATION_BUCKETS, micros)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of the page, whoever knows its value."""

    name: str  #: as on the page, without the ``_total`` of a counter; empty: it is not there
    kind: str  #: COUNTER, GAUGE or HISTOGRAM
    text: str  #: what it is, one sentence
    labels: tuple[str, ...] = ()
    note: str = ""  #: Markdown that stands behind the sentence in the documentation
    index: int = 0  #: place in its block
    values: tuple[str, ...] = ()  #: of the last label, where each of them has a place of its own, from ``index`` on
    is_sparse: bool = (
        False  #: of these places only those are told where something was counted, or there would be too many series
    )

    @property
    def size(self) -> int:
        """Values of one place."""
        return HISTOGRAM_SIZE if self.kind == HISTOGRAM else 1

    def places(self) -> Iterator[tuple[tuple[str, ...], int]]:
        """Where it stands in its block: the value of its own label, if it has one, and the place."""
        for number, value in enumerate(self.values):
            yield (value,), self.index + number * self.size
        if not self.values:
            yield (), self.index


class Block:
    """One kind of block in the slab: so many of one size, each with the same rows."""

    def __init__(self, at: int, size: int, count: int, *labels: str) -> None:
        """``at``: index of the first one in the slab; ``size``: values; ``count``: blocks; ``labels``: what names one of them."""
        self.at = at
        self.size = size
        self.count = count
        self.labels = labels
        self.rows: list[Metric] = []
        self._used = 0

    @property
    def end(self) -> int:
        """Index behind the last one."""
        return self.at + self.size * self.count

    def base(self, slot: int) -> int:
        """Index of a block's first value."""
        return self.at + slot * self.size

    @property
    def gauges(self) -> tuple[int, ...]:
        """Places of all gauges, which say nothing once their worker is dead."""
        return tuple(dict.fromkeys(row.index for row in self.rows if row.kind == GAUGE))

    def room(self, size: int) -> Block:
        """Keep ``size`` places for rows that another module adds: they are the same whenever, and if ever, that is imported."""
        room = Block(self.at, self._used + size, self.count, *self.labels)
        if room.size > self.size:
            raise ValueError(f"a block of {self.size} counters has no room for {size} more")
        room.rows = self.rows
        self._used, room._used = room.size, self._used
        return room

    def counter(
        self,
        name: str,
        text: str,
        note: str = "",
        label: str = "",
        values: tuple[str, ...] = (),
        *,
        is_sparse: bool = False,
        labels: tuple[str, ...] = (),
    ) -> int:
        """Add what only grows; ``label``, ``values``: one more label, and a place for each value of it.  Returns its (first) place.

        ``is_sparse``: see ``Metric``; ``labels``: all of them, if they are not those of the block and ``label``.
        """
        return self._add(
            Metric(name, COUNTER, text, labels or self._labels(label), note, self._used, values, is_sparse)
        )

    def gauge(self, name: str, text: str, note: str = "") -> int:
        """Add what goes up and down."""
        return self._add(Metric(name, GAUGE, text, self.labels, note, self._used))

    def again(self, place: int, name: str, text: str, *labels: str, kind: str = COUNTER) -> None:
        """Tell what stands at ``place`` under another ``name`` too: of each process, say, and not of all together."""
        self._place(Metric(name, kind, text, labels, index=place))

    def histogram(
        self,
        name: str,
        text: str,
        note: str = "",
        label: str = "",
        values: tuple[str, ...] = (),
        labels: tuple[str, ...] = (),
    ) -> int:
        """Add durations: a sum in microseconds, and behind it how many fell between two bounds (each counted once, not cumulative).

        ``labels``: what the labels of the block are called here.
        """
        names = labels or self._labels(label)
        return self._add(Metric(name, HISTOGRAM, text, names, note, self._used, values, bool(values)))

    def __iter__(self) -> Iterator[Metric]:
        return iter(self.rows)

    def _labels(self, label: str) -> tuple[str, ...]:
        return (*self.labels, label) if label else self.labels

    def _add(self, row: Metric) -> int:
        self._used += row.size * (len(row.values) or 1)
        if self._used > self.size:
            raise ValueError(f"a block of {self.size} counters has no room for {row.name or row.text!r}")
        self._place(row)
        return row.index

    def _place(self, row: Metric) -> None:
        """By place, so that rows come in one order whichever module is imported first: layouts are compared by it."""
        insort(self.rows, row, key=lambda one: one.index)

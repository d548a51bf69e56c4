"""Who of those that wait for a place is admitted next, and who is turned away where there is no room to wait.

A queue has a line for each *rank*: 0 is served first, always.  Inside a line the discipline decides:

    fifo            who came first is next
    adaptive_lifo   the same, until the oldest has waited for half of its time: then who came last is next, since most of those who came
                    first would be gone or of no use by the time they were served
    fair            the keys take turns, and of one key who came first is next; those without a key are of one, the empty key

Where the queue is full a higher rank takes the room of the lowest that waits, and of one rank: with ``fair`` a key the room of one that has
more waiting, in an overloaded ``adaptive_lifo`` who comes the room of the oldest.  Else who comes is turned away.

Times are arguments, in seconds of any clock; an entry has the attributes ``rank``, ``key`` (bytes, of ``fair``) and ``since``, its time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

FIFO: Final = "fifo"
ADAPTIVE_LIFO: Final = "adaptive_lifo"
FAIR: Final = "fair"
DISCIPLINES: Final = (FIFO, ADAPTIVE_LIFO, FAIR)

MOST_KEYS: Final = 256  #: keys of ``fair`` with a turn of their own; further ones that wait at the same time share one
_SHARED: Final = b"\0"  # their key; no field of a request can be that

_Entries = OrderedDict[Any, None]


class Queue:
    """The queue of one worker; it is never longer than ``size``."""

    __slots__ = ("_arrivals", "_lines", "discipline", "size", "timeout")

    def __init__(self, size: int, timeout: float, discipline: str, ranks: int) -> None:
        """``size``: who may wait; ``timeout``: seconds that each may; ``discipline``: of DISCIPLINES; ``ranks``: how many there are."""
        self.size = size
        self.timeout = timeout
        self.discipline = discipline
        self._arrivals: _Entries = OrderedDict()  # all, oldest first
        self._lines: list[_Line | _Turns] = [self._line() for _ in range(ranks)]

    def _line(self) -> _Line | _Turns:
        return _Turns() if self.discipline == FAIR else _Line()

    def __len__(self) -> int:
        return len(self._arrivals)

    def count(self, rank: int) -> int:
        """How many of this rank wait."""
        return self._lines[rank].count

    def is_behind(self, rank: int) -> bool:
        """Whether somebody waits whom one of this rank that comes now may not pass."""
        return any(self._lines[one].count for one in range(rank + 1))

    def join(self, entry: Any, now: float) -> Any:
        """Let ``entry``, which has come ``now``, wait.  Returns who has no room for that: somebody who has waited, or ``entry`` itself, or
        None: nobody."""
        out = None
        if len(self._arrivals) >= self.size:
            out = self._displaced(entry, now)
            if out is entry:
                return entry
            self.remove(out)
        self._arrivals[entry] = None
        self._lines[entry.rank].add(entry)
        return out

    def has_room(self, entry: Any, now: float) -> bool:
        """Whether ``entry`` could join ``now``."""
        return len(self._arrivals) < self.size or self._displaced(entry, now) is not entry

    def _displaced(self, entry: Any, now: float) -> Any:
        if not self._arrivals:
            return entry  # of a size of 0
        lowest = max(rank for rank, line in enumerate(self._lines) if line.count)
        if entry.rank > lowest:
            return entry
        return self._lines[lowest].victim(entry if entry.rank == lowest else None, is_lifo=self._is_lifo(now))

    def remove(self, entry: Any) -> None:
        """``entry`` does not wait any more."""
        del self._arrivals[entry]
        self._lines[entry.rank].remove(entry)

    def first(self, rank: int, now: float) -> Any:
        """Who of ``rank`` is next; None: nobody of it waits."""
        line = self._lines[rank]
        return line.first(is_lifo=self._is_lifo(now)) if line.count else None

    def oldest(self) -> Any:
        """Who has waited longest, of all that wait."""
        return next(iter(self._arrivals))

    def admit(self, entry: Any) -> None:
        """``entry`` has its turn, and does not wait any more."""
        self._lines[entry.rank].pass_turn(entry)
        self.remove(entry)

    def is_overdue(self, entry: Any, now: float) -> bool:
        """Whether ``entry`` has waited for as long as it may."""
        return now - entry.since >= self.timeout  # type: ignore[no-any-return]

    def next_overdue(self, now: float) -> Any:
        """Take one out of the queue whose time is over, the oldest first; None: there is none.

        One at a time, since what follows for one may end the wait of another."""
        entry = next(iter(self._arrivals), None)
        if entry is None or not self.is_overdue(entry, now):
            return None
        self.remove(entry)
        return entry

    def next_left_over(self) -> Any:
        """Take one out of the queue for whom it has no room any more, who came last first; None: there is none.  One at a time too."""
        if len(self._arrivals) <= self.size:
            return None
        entry = next(reversed(self._arrivals))
        self.remove(entry)
        return entry

    def change(self, size: int, timeout: float, discipline: str, ranks: Sequence[int]) -> None:
        """Other settings: who waits goes on waiting by them, from when it came, but for those that are left over.

        ``ranks``: for each of the old ones its new one, and behind them how many there are."""
        waiting = list(self._arrivals)
        self.size, self.timeout, self.discipline = size, timeout, discipline
        self._lines = [self._line() for _ in range(ranks[-1])]
        for entry in waiting:
            entry.rank = ranks[entry.rank]
            self._lines[entry.rank].add(entry)

    def _is_lifo(self, now: float) -> bool:
        if self.discipline != ADAPTIVE_LIFO:
            return False
        oldest = next(iter(self._arrivals), None)
        return oldest is not None and now - oldest.since >= self.timeout / 2


class _Line:
    """Those of one rank, by when they came."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: _Entries = OrderedDict()

    @property
    def count(self) -> int:
        return len(self._entries)

    def add(self, entry: Any) -> None:
        self._entries[entry] = None

    def remove(self, entry: Any) -> None:
        del self._entries[entry]

    def first(self, *, is_lifo: bool) -> Any:
        return next(reversed(self._entries) if is_lifo else iter(self._entries))

    def pass_turn(self, entry: Any) -> None:
        """Nobody has turns here."""

    def victim(self, newcomer: Any, *, is_lifo: bool) -> Any:
        """Who makes room for ``newcomer``, or for one of a higher rank (None)."""
        if is_lifo:
            return next(iter(self._entries))
        return newcomer if newcomer is not None else next(reversed(self._entries))


class _Turns:
    """Those of one rank, by their keys, the next one's first."""

    __slots__ = ("_keys", "_turn_of", "count")

    def __init__(self) -> None:
        self.count = 0
        self._keys: OrderedDict[bytes, _Entries] = OrderedDict()
        self._turn_of: dict[Any, bytes] = {}  # by entry, where that is not its key

    def add(self, entry: Any) -> None:
        key = self._turn(entry.key)
        if key != entry.key:
            self._turn_of[entry] = key
        self._keys.setdefault(key, OrderedDict())[entry] = None
        self.count += 1

    def _turn(self, key: bytes) -> bytes:
        """Whose turn one has that comes with ``key``."""
        return key if key in self._keys or len(self._keys) < MOST_KEYS else _SHARED

    def remove(self, entry: Any) -> None:
        key = self._turn_of.pop(entry, entry.key)
        entries = self._keys[key]
        del entries[entry]
        if not entries:
            del self._keys[key]
        self.count -= 1

    def first(self, *, is_lifo: bool) -> Any:
        return next(iter(next(iter(self._keys.values()))))

    def pass_turn(self, entry: Any) -> None:
        self._keys.move_to_end(self._turn_of.get(entry, entry.key))

    def victim(self, newcomer: Any, *, is_lifo: bool) -> Any:
        """As of ``_Line``: of the key with the most the last, unless that of ``newcomer`` would have as many."""
        most = max(self._keys.values(), key=len)
        if newcomer is not None and len(self._keys.get(self._turn(newcomer.key), ())) + 1 >= len(most):
            return newcomer
        return next(reversed(most))


def shares(limit: int, reserved: Sequence[float]) -> tuple[tuple[int, ...], int]:
    """Of ``limit`` places those that are reserved for each rank, and those that are for all; what is no whole place is for all.

    ``reserved``: the part of each rank, 0 to 1, together at most 1.
    """
    own = tuple(int(limit * part + 1e-9) for part in reserved)
    return own, limit - sum(own)


def yields(held: int, common: int, *, same: int, higher: int) -> bool:
    """Whether a worker leaves a free common place to another.

    It does to one where a higher rank waits; and among those where the same rank waits each takes no more than its part.

    Args:
        held: common places that exchanges of this worker hold.
        common: how many there are.
        same: other workers where somebody of the rank waits that would get the place here.
        higher: other workers where somebody of a higher one does.
    """
    return higher > 0 or (same > 0 and held >= -(-common // (same + 1)))

"""The board: what all workers of this machine must agree on, as 64-bit cells in memory that all of them have mapped.

The slab (``counters``) is one worker's and is only ever added up; here everybody writes, by compare-and-swap, and what is
decided by a cell is decided for all.  An upgrade has two supervisors and two generations of workers at one board.

    HEADER | a line for each seat | keys of the cells | values of the cells | a ledger for each seat       words of 64 bits

A **seat** is the place of one process: the kernel's lock on one byte says whether it is taken, so a process that dies leaves it,
however it dies, and whoever can lock it knows that nobody is there.  What its owner held is in its **ledger** (``holds``).

A **cell** is found by its key, a hash with a seed that is secret and as old as the board (RFC 9110 knows no limit to what a client puts
into a field; without the seed it could choose keys that are all in one place).  A key is looked for at ``PROBES`` places in a row,
without a lock.  Who does not find it takes the table's lock, looks again, and takes the first place that was never used, or else
the first whose cell is *spent*: nobody holds it (of a count), or it is over (of a time, see ``meters``).  No other is ever taken.  If there
is none the table is full for this key.

A place changes its key in three steps, so that nobody who has found the old key can still hold by it:

    1. the key gets a bit, ``CLOSING``, by which nobody finds it any more
    2. the value is replaced by one that means the same, but is new: whoever has read the old one fails to swap it, and looks again
    3. the new key is written

Step 2 fails if somebody was faster, and then the bit goes away again.  A process that dies in between leaves the bit; whoever has the
lock and sees one knows that its writer is dead, and removes it.  Counts have two tables, and times have two, so that keys that clients
choose never take the room of those that the configuration names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

from fastgw.core.live import words
from fastgw.core.live.cells import Cells, lock, unlock

CLOSING = 1 << 63  #: of a key whose place is being given to another
ATTEMPTS = 50  #: to lock a table: it is locked for microseconds

_MAGIC = int.from_bytes(b"fgwbrd\0" + bytes([words.LAYOUT]), "big")
_SEAT_LOCKS_AT = 1 << 42  # the first byte that is locked for a seat
_TABLE_LOCKS_AT = 1 << 43
_PAGE = 4096
_EMPTY_PAGE = bytes(_PAGE)
_VALUES_AT = words.VALUES_AT
_KEYS_AT = words.KEYS_AT


class Table:
    """Some of the cells, as a table of keys of their own."""

    __slots__ = ("size", "start")

    def __init__(self, start: int, size: int) -> None:
        """``start``: the first of the cells; ``size``: how many they are."""
        self.start = start
        self.size = size


NAMED = Table(0, words.NAMED_CELLS)
KEYED = Table(words.NAMED_CELLS, words.KEYED_CELLS)
NAMED_TIMES = Table(words.CELLS, words.NAMED_TIMES)
KEYED_TIMES = Table(words.CELLS + words.NAMED_TIMES, words.KEYED_TIMES)
#: Those of counts and those of times, by who chooses the keys.
COUNT_TABLES = {"configuration": NAMED, "clients": KEYED}
TIME_TABLES = {"configuration_rates": NAMED_TIMES, "client_rates": KEYED_TIMES}

#: Make a new value of the spent one of a cell, whose key is closing; False: it is no longer spent.
Retire = Callable[[int], bool]


def blank(seed: bytes) -> bytes:
    """The header of a new board.  ``seed``: 16 random bytes, secret."""
    return b"".join(word.to_bytes(8, sys.byteorder) for word in (_MAGIC, Cells.form)) + seed


class Board:
    """The board as one process has it."""

    __slots__ = ("cells", "seed")

    def __init__(self, fd: int, make: Callable[[int, int], Cells] = Cells) -> None:
        """``fd``: of the memory, which stays the caller's.  ``make``: what maps it, from descriptor and number of words.

        Raises:
            OSError: it cannot be opened again, which it must be for locks of our own (is there no ``/proc``?), or is no board of ours:
                that of another version, or of the other form of this one.
        """
        own = os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)
        try:
            _check(own)
            self.cells = make(own, words.BOARD_WORDS)
        except BaseException:
            os.close(own)
            raise
        self.seed = b"".join(self.cells.load(words.SEED + place).to_bytes(8, "little") for place in (0, 1))  #: of keys

    def read(self, cell: int) -> int:
        """The value of a cell."""
        return self.cells.load(_VALUES_AT + cell)

    def compare_and_swap(self, cell: int, old: int, new: int) -> bool:
        """Make ``new`` the value of ``cell`` if it is ``old``."""
        return self.cells.compare_and_swap(_VALUES_AT + cell, old, new)

    # --- keys

    def has_key(self, cell: int, key: int) -> bool:
        """Is the cell that of the key (still)?"""
        return self.cells.load(_KEYS_AT + cell) == key

    def claim(self, table: Table, key: int, retire: Retire, spent: int = words.CHANGE) -> int:
        """The cell of ``key``, which gets one if it has none; -1 if there is no room, or others keep the table locked.

        ``retire``: step 2 of what the head of this file tells.  ``spent``: the greatest value that is spent: a count of 0, whoever
        changed it last, or of a table of times what time it is.
        """
        fd, byte = self.cells.fd, _TABLE_LOCKS_AT + table.start
        for _ in range(ATTEMPTS):
            if lock(fd, byte):
                break
            os.sched_yield()
        else:
            return -1
        try:
            return self._claim(table, key, retire, spent)
        finally:
            unlock(fd, byte)

    def _claim(self, table: Table, key: int, retire: Retire, spent: int) -> int:
        cells = self.cells
        used = []
        for step in range(min(words.PROBES, table.size)):
            cell = table.start + (key + step) % table.size
            found = cells.load(words.KEYS_AT + cell)
            if found & CLOSING:  # its writer died: we have the lock
                found &= ~CLOSING
                cells.store(words.KEYS_AT + cell, found)
            if found == key:
                return cell
            if not found:
                cells.store(words.KEYS_AT + cell, key)
                return cell
            used.append((cell, found))
        for cell, found in used:
            if self.read(cell) > spent:
                continue
            cells.store(words.KEYS_AT + cell, found | CLOSING)
            if retire(cell):
                cells.store(words.KEYS_AT + cell, key)
                return cell
            cells.store(words.KEYS_AT + cell, found)
        return -1

    # --- seats

    def lock_seat(self, seat: int) -> bool:
        """Take a seat, or see whether anybody is there: False, somebody is."""
        return lock(self.cells.fd, _SEAT_LOCKS_AT + seat)

    def unlock_seat(self, seat: int) -> None:
        """Leave it."""
        unlock(self.cells.fd, _SEAT_LOCKS_AT + seat)

    # --- what is used

    def written(self, start: int, count: int) -> Iterator[tuple[int, int]]:
        """Of ``count`` words from ``start`` on those that are not 0, as (place, value); unused memory stays unused."""
        data = os.pread(self.cells.fd, count * 8, start * 8)
        for at in range(0, len(data), _PAGE):
            page = data[at : at + _PAGE]
            if page != _EMPTY_PAGE[: len(page)]:
                yield from ((at // 8 + place, word) for place, word in enumerate(memoryview(page).cast("Q")) if word)

    def used(self, table: Table, spent: int = words.CHANGE) -> int:
        """Cells of the table that are not spent; ``spent`` as in ``claim``."""
        return sum(1 for _, value in self.written(words.VALUES_AT + table.start, table.size) if value > spent)

    def close(self) -> None:
        """Let it go; our locks are gone too."""
        self.cells.close()


def _check(fd: int) -> None:
    header = memoryview(os.pread(fd, words.HEADER_WORDS * 8, 0)).cast("Q")
    if len(header) < words.HEADER_WORDS or header[words.MAGIC] != _MAGIC or os.fstat(fd).st_size != words.BOARD_BYTES:
        raise OSError("it is that of another version")
    if header[words.FORM] != Cells.form:
        raise OSError("it is that of the other form: one is compiled, the other is pure Python")

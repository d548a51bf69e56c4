"""What the exchanges of one filter share in one worker: values by key, with a number by which a change of somebody else is noticed, and
numbers by name.  An exchange is one turn of the loop at a time, so nothing here can change in the middle of a call."""

from __future__ import annotations

from typing import Final

METRICS_MAX: Final = 256
_OVERHEAD: Final = 64  #: bytes that a value counts for beside its own
COUNTER, GAUGE, HISTOGRAM = range(3)


class SharedData:
    """The values and the numbers."""

    __slots__ = ("_by_name", "_cas", "_metrics", "_most", "_size", "_values")

    def __init__(self, most: int) -> None:
        """``most``: bytes that keys and values may have together."""
        self._most = most
        self._size = 0
        self._cas = 0
        self._values: dict[bytes, tuple[bytes, int]] = {}
        self._by_name: dict[tuple[bytes, int], int] = {}
        self._metrics: list[list[int]] = []  #: kind and value, by number less one

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._size

    def resize(self, most: int) -> None:
        """Keep ``most`` bytes from now on; what is there stays."""
        self._most = most

    def get(self, key: bytes) -> tuple[bytes, int] | None:
        """The value and its number, which is never 0."""
        return self._values.get(key)

    def set(self, key: bytes, value: bytes, cas: int) -> bool | None:
        """Set it; an empty value takes the key away.  False: its number is not ``cas``, which is 0 where nobody asks; None: no room."""
        found = self._values.get(key)
        if cas and (found is None or found[1] != cas):
            return False
        old = 0 if found is None else _OVERHEAD + len(key) + len(found[0])
        if not value:
            self._values.pop(key, None)
            self._size -= old
            return True
        new = _OVERHEAD + len(key) + len(value)
        if self._size - old + new > self._most:
            return None
        self._cas = self._cas % 0xFFFFFFFF + 1
        self._values[key] = value, self._cas
        self._size += new - old
        return True

    # --- numbers

    def define(self, name: bytes, kind: int) -> int:
        """The number of a metric; 0: there is no room for it."""
        number = self._by_name.get((name, kind), 0)
        if not number and len(self._metrics) < METRICS_MAX:
            self._metrics.append([kind, 0])
            number = self._by_name[name, kind] = len(self._metrics)
        return number

    def _found(self, number: int) -> list[int] | None:
        return self._metrics[number - 1] if 0 < number <= len(self._metrics) else None

    def record(self, number: int, value: int) -> bool:
        """It is ``value`` now; False: there is none."""
        found = self._found(number)
        if found is not None:
            found[1] = value
        return found is not None

    def increment(self, number: int, delta: int) -> bool | None:
        """It is more by ``delta``; False: it cannot be, None: there is none."""
        found = self._found(number)
        if found is None:
            return None
        if found[0] != GAUGE and delta < 0:
            return False
        found[1] = (found[1] + delta) % (1 << 64)
        return True

    def metric(self, number: int) -> int | None:
        """Its value; None: there is none."""
        found = self._found(number)
        return None if found is None else found[1]

"""The body of an answer that is fetched for several: its pieces, from where the slowest is; and what all such bodies hold together."""

from __future__ import annotations


class Held:
    """Bytes that the bodies under way of one cache hold in a worker, and how many they may."""

    __slots__ = ("most", "size")

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = 0


class Pieces:
    """One body under way."""

    __slots__ = ("_dropped", "_of_all", "_pieces", "size")

    def __init__(self, of_all: Held) -> None:
        """``of_all``: where it is counted what it holds."""
        self._of_all = of_all
        self._pieces: list[bytes] = []
        self._dropped = 0  #: pieces in front of those, which everybody has sent
        self.size = 0  #: bytes so far, dropped or not

    def add(self, data: bytes) -> None:
        """``data`` has come."""
        self._pieces.append(data)
        self.size += len(data)
        self._of_all.size += len(data)

    @property
    def are_too_many(self) -> bool:
        """All bodies under way hold more than they may: this one should not be kept whole."""
        return self._of_all.size > self._of_all.most

    def get(self, number: int) -> bytes | None:
        """One of them, from 0; None: it has not come yet."""
        at = number - self._dropped
        return self._pieces[at] if at < len(self._pieces) else None

    def whole(self) -> bytes:
        """All of it, of which nothing was dropped."""
        return b"".join(self._pieces)

    def drop(self, sent: int) -> None:
        """The first ``sent`` of all are needed no more."""
        gone = sent - self._dropped
        if gone > 0:
            self._of_all.size -= sum(map(len, self._pieces[:gone]))
            del self._pieces[:gone]
            self._dropped += gone

    def drop_all(self) -> None:
        """None is needed any more."""
        self.drop(self._dropped + len(self._pieces))

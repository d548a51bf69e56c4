"""The messages of a stream that has one a line, as etcd's gateway and the API of Kubernetes send them."""

from __future__ import annotations

from typing import Final

LINE_MOST: Final = 8 * 1024 * 1024  #: bytes of one message; etcd itself puts 1.5 MiB in one, base64 makes it 2


class WholeLines:
    """Takes them apart, however they arrive."""

    def __init__(self, most: int, too_long: Exception) -> None:
        """``most``: bytes of a line; ``too_long``: what is raised where one has more."""
        self._most = most
        self._too_long = too_long
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now, without those that are empty; raise ``too_long``."""
        begin = len(self._rest)
        self._rest += data
        end = self._rest.rfind(b"\n", begin)
        if end < 0:
            if len(self._rest) > self._most:
                raise self._too_long
            return []
        lines = bytes(self._rest[:end]).split(b"\n")
        del self._rest[: end + 1]
        return [line for line in lines if line.strip()]

    @property
    def is_cut(self) -> bool:
        """Has the last line no end?"""
        return bool(self._rest.strip())

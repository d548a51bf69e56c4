"""The plain twin of ``_writer.pyx``."""

from __future__ import annotations

import re
from typing import Final

import orjson

VALUE_MAX: Final = 1024  #: bytes of a value that comes from a client
_UNFIT: Final = re.compile(rb'["\\\x00-\x1f\x7f-\xff]')
_UNFIT_BARE: Final = re.compile(rb'["\\\x00-\x20\x7f-\xff]')


class Writer:
    """Text that grows at its end."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def put(self, raw: bytes) -> None:
        """Write bytes as they are."""
        self._data += raw

    def text(self, value: bytes) -> None:
        """Write a string of JSON (RFC 8259 section 7): each byte one character (ISO 8859-1), ``VALUE_MAX`` of them at most."""
        self._data += orjson.dumps(value[:VALUE_MAX].decode("latin-1"))

    def string(self, value: str) -> None:
        """The same of a text."""
        self._data += orjson.dumps(value)

    def escaped(self, value: bytes, is_bare: bool) -> None:
        """Write a value into a line of text, as nginx does: quotes, backslashes, control characters and all above ASCII as ``\\xHH``, ``-``
        where there is none, ``VALUE_MAX`` bytes of it at most.

        ``is_bare``: no quotes are around it, so a space would end it, and is escaped too.
        """
        unfit = _UNFIT_BARE if is_bare else _UNFIT
        self._data += unfit.sub(lambda found: b"\\x%02X" % ord(found[0]), value[:VALUE_MAX]) or b"-"

    def number(self, value: int) -> None:
        """Write a number, of 63 bits, in decimal digits."""
        self._data += b"%d" % value

    def three(self, value: int) -> None:
        """Write the last three digits of a number that is not negative."""
        self._data += b"%03d" % (value % 1000)

    def size(self) -> int:
        """Bytes that are there."""
        return len(self._data)

    def cut(self, size: int) -> None:
        """Forget what is behind the first ``size`` bytes."""
        del self._data[size:]

    def take(self) -> bytes:
        """All there is; from now on there is nothing."""
        data = bytes(self._data)
        self._data.clear()
        return data

"""``access_log`` with a ``template``, or in the form ``combined``, which is one: a line of text for each exchange.

Values are escaped as nginx does it, so no client can end a line, or a value that stands in quotes; where none stand around a value its
spaces are escaped too, so it cannot pass for two.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.filters.log_lines import LogLines
from fastgw.filters.log_variables import readers
from fastgw.filters.refusals import refused_exchange
from fastgw.filters.variables import OWN_OF_LOGS, Part, Read, reader

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Client, Exchange
    from fastgw.errors import GatewayError

#: The line of Apache's ``combined``, and of nginx's, whose name of a user is never one that was only claimed.
COMBINED: Final[tuple[Part, ...]] = (
    *("client.address", b" - ", "user.name", b" [", "time.local", b'] "', "request.line", b'" '),
    *("response.status", b" ", "response.bytes", b' "', "header.referer", b'" "', "header.user-agent", b'"'),
)
Piece = tuple[
    bytes, Read, bool, bool
]  #: what stands in front of a variable, its reader, is it safe, are there no quotes around it


class TextLog:
    """The filter."""

    __slots__ = ("_last", "_lines", "_pieces", "name")

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        lines: LogLines,
        wall: Callable[[], float] = time.time,
        share: float = 1.0,
    ) -> None:
        """``options``: ``template``, the parts of a line, or those of ``combined``; ``lines``: where they go; ``wall``: seconds since 1970;
        ``share``: of the exchanges that might have a line so many have one."""
        self.name = name
        self._lines = lines
        self._pieces, self._last = _pieces(options.get("template") or COMBINED, readers(wall, share))

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be opened for appending.
        """
        self._lines.start(loop)

    def stop(self) -> None:
        """Close it, without waiting."""
        self._lines.stop()

    def done(self, exchange: Exchange) -> None:
        """Add the exchange's line."""
        lines = self._lines
        writer = lines.writer
        lines.begin()
        for literal, read, is_safe, is_bare in self._pieces:
            writer.put(literal)
            value = read(exchange)
            if is_safe:
                writer.put(value)
            else:
                writer.escaped(value, is_bare)
        writer.put(self._last)
        lines.end()

    def refused(self, connection: Client, error: GatewayError) -> None:
        """Add the line of bytes that never became an exchange, with what can be read of them."""
        self.done(refused_exchange(connection, error))


def _pieces(parts: tuple[Part, ...], own: Mapping[str, Read]) -> tuple[list[Piece], bytes]:
    """The variables, each with what stands in front of it and how it is escaped; and what stands behind the last."""
    found: list[Piece] = []
    literal = b""
    is_quoted = False
    for part in parts:
        if isinstance(part, bytes):
            literal = part
            is_quoted ^= part.count(b'"') % 2 == 1
        else:
            found.append((literal, own.get(part) or reader(part), part in OWN_OF_LOGS, not is_quoted))
            literal = b""
    return found, literal

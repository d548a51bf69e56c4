"""Body hooks of streams, whose pieces are many and small: C calls them past Python.

``BodyHook`` is what filters derive from, those of others too, and a call of it is one of Python; of an event of 200 bytes a third would
be that.  What is compiled and made for streams derives from this instead, and keeps the same promises; it lets no head wait, and has no
trailers of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastgw.errors import GatewayError


class StreamingHook:
    """See ``BodyHook``."""

    __slots__ = ()

    gather = 0
    is_of_bytes = False
    is_counting = False
    trailer_names = trailers = vary = ()

    def feed(self, data: bytes) -> bytes:
        """See ``BodyHook``."""
        return data

    def finish(self) -> bytes:
        """See ``BodyHook``."""
        return b""

    def broken(self, error: GatewayError) -> bytes | None:
        """See ``BodyHook``."""
        return None

"""``rewrite``: the service is asked for another path than the client has asked for; the query stays.

In a chain the route was chosen before, by the path of the client, and stays; before routing it is looked for by the new path.  A path that
a filter does not speak of goes on as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastgw.errors import DownstreamError
from fastgw.wire.errors import WireError
from fastgw.wire.target import normalise_path

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

#: The new path; None: no other.
_Change = Callable[[bytes], bytes | None]


class Rewrite:
    """Changes the path in one way."""

    __slots__ = ("_change", "name")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``strip_prefix`` and ``add_prefix``, or ``path``, or ``pattern`` (for ``re.fullmatch``) and ``to``, text and
        numbers of groups."""
        self.name = name
        path = str(options.get("path") or "").encode()
        if path:
            self._change: _Change = lambda _: path
        elif options.get("pattern"):
            self._change = _replaced(options["pattern"], options["to"])
        else:
            self._change = _moved(
                str(options.get("strip_prefix") or "").encode(), str(options.get("add_prefix") or "").encode()
            )

    def changed(self, path: bytes) -> bytes:
        """What becomes of ``path``, which is in its normal form; WireError if that is no path."""
        found = self._change(path)
        return path if found is None else normalise_path(found)

    def request(self, exchange: Exchange) -> None:
        """Change the path; raise DownstreamError if what comes out is none."""
        request = exchange.request
        if request.path == b"*":
            return
        path = self._change(request.path)
        if path is None:
            return
        longest = exchange.listener.limits.uri_length
        if len(path) + len(request.query) > longest:
            raise DownstreamError(414, "uri_too_long", f"the rewritten request target is longer than {longest} bytes")
        try:
            request.rewrite(path)
        except WireError:
            raise DownstreamError(
                404, "rewrite_failed", "this path cannot be rewritten to one of the service"
            ) from None


def _moved(old: bytes, new: bytes) -> _Change:
    """``new`` in the place of the prefix ``old``; only whole segments are one."""

    def change(path: bytes) -> bytes | None:
        if not path.startswith(old):
            return None
        rest = path[len(old) :]
        if rest[:1] not in (b"/", b""):
            return None
        return new + (rest or b"/")

    return change


def _replaced(pattern: str, to: tuple[str | int, ...]) -> _Change:
    match = re.compile(pattern.encode()).fullmatch
    parts = [part if isinstance(part, int) else part.encode() for part in to]

    def change(path: bytes) -> bytes | None:
        found = match(path)
        if found is None:
            return None
        return b"".join([(found[part] or b"") if isinstance(part, int) else part for part in parts])

    return change

"""Where an answer sends its client (RFC 9110 section 10.2.2)."""

from __future__ import annotations

import re

from fastgw.wire.errors import bad

_NO_URI = re.compile(rb"[^!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]")
_ABSOLUTE = re.compile(rb"https?://[^/?#]+", re.IGNORECASE).match
_SLASHES = re.compile(rb"[/\\]+")


def safe_location(target: bytes) -> bytes:
    """``target`` as a ``Location`` that leads where it says: no byte of it ends a field or is read in another way, and a path stays on this
    host, for ``//other`` and ``/\\other`` would be another one (RFC 3986 section 4.2, WHATWG URL).

    Raises:
        WireError: 400, it is neither a path nor an http URI with an authority.
    """
    target = _NO_URI.sub(lambda found: b"%%%02X" % found[0][0], target)
    if target[:1] == b"/":
        return _SLASHES.sub(b"/", target, count=1)
    if _ABSOLUTE(target) is None:
        raise bad("this leads to the host of the request, and it has none")
    return target

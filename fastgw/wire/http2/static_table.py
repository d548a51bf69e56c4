"""The static table of HPACK (RFC 7541 appendix A)."""

from __future__ import annotations

from typing import Final

_METHODS_AND_OTHERS: Final = (
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    *((b":status", b"%d" % status) for status in (200, 204, 206, 304, 400, 404, 500)),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
)
_NAMES: Final = (
    *("accept-language", "accept-ranges", "accept", "access-control-allow-origin", "age", "allow", "authorization"),
    *("cache-control", "content-disposition", "content-encoding", "content-language", "content-length"),
    *("content-location", "content-range", "content-type", "cookie", "date", "etag", "expect", "expires", "from"),
    *("host", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified"),
    *("link", "location", "max-forwards", "proxy-authenticate", "proxy-authorization", "range", "referer", "refresh"),
    *("retry-after", "server", "set-cookie", "strict-transport-security", "transfer-encoding", "user-agent", "vary"),
    *("via", "www-authenticate"),
)

#: Names and values, from index 1 on.
ENTRIES: Final[tuple[tuple[bytes, bytes], ...]] = (
    *_METHODS_AND_OTHERS,
    *((name.encode(), b"") for name in _NAMES),
)
SIZE: Final = len(ENTRIES)
#: The index of a name with a value, and the first of a name.
INDEX: Final = {entry: index for index, entry in enumerate(ENTRIES, 1)}
NAME_INDEX: Final = {name: index for index, (name, _) in reversed(tuple(enumerate(ENTRIES, 1)))}

"""What a field of HTTP/2 is, as numbers; the pseudo-fields come one behind the other."""

from __future__ import annotations

from typing import Final

#: Bytes that an entry of the table counts beside its name and value (RFC 7541 section 4.1).
OVERHEAD: Final = 32

PLAIN: Final = 0
METHOD: Final = 1
SCHEME: Final = 2
AUTHORITY: Final = 3
PATH: Final = 4
PROTOCOL: Final = 5
STATUS: Final = 6
COOKIE: Final = 7
HOST: Final = 8
MALFORMED: Final = 9

"""Which request methods are served: one list, and one rule for requests, for ``methods:`` of a route and for ``fastgw route``.

A listener serves the registered methods below and those that one of its routes names, whatever they are called (RFC 9110 section 9.1: a
method is a token, and its letter case counts).  ``CONNECT`` and ``TRACE`` never pass a gateway, named or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fastgw.wire.fields import is_token

#: Served whether a route names them or not.
METHODS: Final = (
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "ACL", "BIND", "CHECKOUT", "COPY", "LINK"),
    *("LOCK", "M-SEARCH", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "PROPFIND", "PROPPATCH"),
    *("PURGE", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE", "UNBIND", "UNLINK", "UNLOCK", "UNSUBSCRIBE"),
)
#: A tunnel to wherever the client likes, and an echo of what the gateway adds (RFC 9110 sections 9.3.6 and 9.3.8).
NEVER: Final = ("CONNECT", "TRACE")
#: They change nothing (RFC 9110 section 9.2.1).
SAFE: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"QUERY", b"PROPFIND", b"REPORT", b"SEARCH"})
#: Asking twice is the same as asking once (RFC 9110 section 9.2.2).
IDEMPOTENT: Final = SAFE | {b"PUT", b"DELETE"}
LONGEST: Final = 64  #: bytes of a method


def served(named: Iterable[str] = ()) -> frozenset[bytes]:
    """The methods a listener takes whose routes name ``named``; every other one is answered 501."""
    return frozenset(one.encode() for one in (*METHODS, *named)) - frozenset(one.encode() for one in NEVER)


def method_problem(name: str) -> str:
    """What keeps ``name`` from being a method that a route can name, as the end of a sentence; empty: nothing."""
    if name in NEVER:
        return "never passes the gateway"
    if not name.isascii() or len(name) > LONGEST or is_token(name.encode()) is None:
        return f"is not a method: 1 to {LONGEST} letters, digits or !#$%&'*+-.^_`|~"
    if name not in METHODS and name.upper() in (*METHODS, *NEVER):
        return f"is not a method in capitals; did you mean '{name.upper()}'?"
    return ""

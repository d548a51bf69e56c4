"""``jwt``: who has a token that is signed by somebody we trust may pass, and the service is told who it is (RFC 6750, RFC 7519).

What a token says is believed when its signature is right (``filters.tokens``).  That is remembered until the token ends, by a digest of
all of it which nobody outside this process can compute, so that no other token is ever taken for it.  Refusals are not remembered.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from fastgw.core import counters
from fastgw.core.counters import JWT_CAUSES
from fastgw.errors import DownstreamError
from fastgw.filters.tokens import Demands, TokenError, Verifier
from fastgw.wire.fields import LINE_BYTES

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.wire.messages import Request

NOTE: Final = "jwt"  #: the note that has the claims
_FROM_CACHE, _VERIFIED = range(2)

_Lines = tuple[tuple[bytes, bytes], ...]
_Edit = tuple[tuple[bytes, ...], _Lines]  #: the fields that are removed, and those that are added
_NOTHING: Final[_Edit] = ((), ())


class _Accepted(NamedTuple):
    """What is known of a token."""

    until: float  #: seconds since 1970
    claims: Mapping[str, Any]
    lines: _Lines  #: fields that the service gets


class Jwt:
    """Lets requests through that have a token, and tells the service what it says."""

    __slots__ = (
        "_cache",
        "_fields",
        "_find",
        "_headers",
        "_is_optional",
        "_keeps",
        "_largest",
        "_most",
        "_realm",
        "_scope",
        "_secret",
        "_verifier",
        "_wall",
        "name",
    )

    def __init__(self, name: str, options: Mapping[str, Any], wall: Callable[[], float] = time.time) -> None:
        """``options``: as ``config.filters.jwt`` gives them; ``wall``: seconds since 1970."""
        self.name = name
        demands = Demands(
            frozenset(options["issuer"]),
            frozenset(options["audience"]),
            options["required_claims"],
            frozenset(options["scopes"]),
            options["leeway"],
            options["require_expiry"],
        )
        self._verifier = Verifier(options["keys"], demands)
        self._find = _finder(options["token_from"])
        self._keeps: bool = options["forward"]
        self._is_optional: bool = options["optional"]
        self._headers = [(field.encode(), claim) for field, claim in options["headers"]]
        self._fields = frozenset(field for field, _ in self._headers)
        self._largest: int = options["max_size"]
        self._realm = f'Bearer realm="{options["realm"] or name}"'
        self._scope = " ".join(sorted(options["scopes"]))
        self._most: int = options["cache"]
        self._cache: dict[bytes, _Accepted] = {}
        self._secret = secrets.token_bytes(32)
        self._wall = wall

    def request(self, exchange: Exchange) -> None:
        """Let it through, or refuse it."""
        request = exchange.request
        tokens = self._find.tokens(request)
        if not tokens:
            if not self._is_optional:
                self._count_refused(exchange, "missing")
                headers = (("www-authenticate", self._realm),)
                raise DownstreamError(401, "no_token", "a token is needed here", headers=headers)
            self._edit(request, _NOTHING, ())
            return
        try:
            if len(tokens) > 1:
                raise TokenError("repeated", "the request has more than one token")
            accepted = self._accept(exchange, tokens[0])
        except TokenError as error:
            self._count_refused(exchange, error.cause)
            raise self._refusal(error) from None
        self._edit(request, _NOTHING if self._keeps else self._find.removal(request), accepted.lines)
        exchange.note(NOTE, accepted.claims)

    def _accept(self, exchange: Exchange, token: bytes) -> _Accepted:
        if len(token) > self._largest:
            raise TokenError("malformed", f"the token is larger than {self._largest} bytes")
        now = self._wall()
        digest = hashlib.blake2b(token, digest_size=32, key=self._secret).digest()
        found = self._cache.get(digest)
        slot = exchange.route.base + counters.ROUTE_TOKENS_ACCEPTED
        if found is not None and now < found.until:
            exchange.plane.values[slot + _FROM_CACHE] += 1
            return found
        self._cache.pop(digest, None)
        claims, until = self._verifier.verify(token, now)
        found = _Accepted(until, MappingProxyType(claims), self._lines(claims))
        if self._most:
            if len(self._cache) >= self._most:
                del self._cache[next(iter(self._cache))]  # the oldest
            self._cache[digest] = found
        exchange.plane.values[slot + _VERIFIED] += 1
        return found

    def _lines(self, claims: Mapping[str, Any]) -> _Lines:
        """The fields that tell the service of ``claims``; one that is not there, or is empty, has none."""
        found = []
        for field, claim in self._headers:
            value = claims.get(claim)
            if value is None or value == "":
                continue
            data = str(value).encode() if type(value) in (str, int) else None
            if data is None or data.translate(None, LINE_BYTES) or data != data.strip(b" \t"):
                raise TokenError("claims", "a claim of the token cannot be told in a header field")
            found.append((field, data))
        return tuple(found)

    def _edit(self, request: Request, removal: _Edit, lines: _Lines) -> None:
        """Send ``lines``, and nothing that a client says in their place, in whatever spelling CGI-style services read as the same."""
        removed, added = removal
        if self._fields:
            removed = (*removed, *self._fields)
            if b"_" in request.fields or b"_" in request.extra:
                names = {line.partition(b":")[0].lower() for line in _split(request)}
                removed += tuple([one for one in names - self._fields if one.replace(b"_", b"-") in self._fields])
        if removed:
            request.edit(removed, added + lines)

    def _count_refused(self, exchange: Exchange, cause: str) -> None:
        exchange.plane.values[exchange.route.base + counters.ROUTE_TOKENS_REFUSED + JWT_CAUSES.index(cause)] += 1

    def _refusal(self, error: TokenError) -> DownstreamError:
        """What the client is told (RFC 6750 section 3.1)."""
        detail = str(error)
        reason = f"{detail} ({error.cause}, by the filter {self.name!r})"

        def told(word: str, more: str = "") -> tuple[tuple[str, str]]:
            return (("www-authenticate", f'{self._realm}, error="{word}", error_description="{detail}"{more}'),)

        if error.cause == "repeated":
            return DownstreamError(400, "repeated_token", detail, reason=reason, headers=told("invalid_request"))
        if error.cause == "scope":
            headers = told("insufficient_scope", f', scope="{self._scope}"')
            return DownstreamError(403, "insufficient_scope", detail, reason=reason, headers=headers)
        return DownstreamError(401, "invalid_token", detail, reason=reason, headers=told("invalid_token"))


# --- where the token is


def _split(request: Request) -> list[bytes]:
    return (request.fields + request.extra).split(b"\r\n")


def _lines_of(request: Request, name: bytes) -> list[bytes]:
    """The value of each line of the field ``name`` that goes to the service."""
    size = len(name) + 1
    return [line[size:].strip(b" \t") for line in _split(request) if line[:size].lower() == name + b":"]


class _Field:
    """A field that has nothing but the token; in ``authorization`` it is behind the word Bearer, and other schemes are no token."""

    def __init__(self, name: bytes, scheme: bytes = b"") -> None:
        self._name = name
        self._scheme = scheme

    def tokens(self, request: Request) -> list[bytes]:
        """All there are; an empty one is one, too."""
        values = _lines_of(request, self._name)
        if not self._scheme:
            return values
        size = len(self._scheme)
        found = [value[size:] for value in values if value[:size].lower() == self._scheme]
        if found and len(values) > 1:
            return values  # who knows which of them a service reads
        return [one.strip(b" ") if one[:1] == b" " else b"" for one in found]

    def removal(self, request: Request) -> _Edit:
        """What takes it out of the request."""
        return (self._name,), ()


class _Cookie:
    """The value of a cookie (RFC 6265 section 5.4)."""

    def __init__(self, name: bytes) -> None:
        self._match = re.compile(rb"(?:^|[;,])[ \t]*" + re.escape(name) + rb'[ \t]*=[ \t]*"?([^;,"]*)"?[^;,]*')

    def tokens(self, request: Request) -> list[bytes]:
        """See ``_Field``."""
        return [one.strip(b" \t") for one in self._match.findall(b"; ".join(_lines_of(request, b"cookie")))]

    def removal(self, request: Request) -> _Edit:
        """See ``_Field``; other cookies stay."""
        rest = self._match.sub(b"", b"; ".join(_lines_of(request, b"cookie"))).strip(b" \t;,")
        return (b"cookie",), ((b"cookie", rest),) if rest else ()


class _Parameter:
    """A parameter of the query, whose name may have escapes."""

    def __init__(self, name: bytes) -> None:
        self._name = name

    def _is_it(self, pair: bytes) -> bool:
        return unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")) == self._name

    def tokens(self, request: Request) -> list[bytes]:
        """See ``_Field``."""
        pairs = request.query[1:].split(b"&")
        return [unquote_to_bytes(pair.partition(b"=")[2]) for pair in pairs if self._is_it(pair)]

    def removal(self, request: Request) -> _Edit:
        """See ``_Field``; it is done here, and other parameters stay."""
        rest = b"&".join([pair for pair in request.query[1:].split(b"&") if not self._is_it(pair)])
        request.query = b"?" + rest if rest else b""
        request.target = request.path + request.query
        return _NOTHING


def _finder(place: str) -> _Field | _Cookie | _Parameter:
    """``place``: authorization, ``header:NAME``, ``cookie:NAME`` or ``query:NAME``."""
    kind, _, name = place.partition(":")
    if kind == "cookie":
        return _Cookie(name.encode())
    if kind == "query":
        return _Parameter(name.encode())
    return _Field(name.encode()) if kind == "header" else _Field(b"authorization", b"bearer")

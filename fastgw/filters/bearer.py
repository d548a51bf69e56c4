"""What the filters have in common that let requests through for a token (RFC 6750): ``jwt``, ``oauth2_introspection``.

They differ in how they come to believe a token.  Where it is, what the client is told without a good one, and what the service is told of
one that is believed, is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.labels import TOKEN_CAUSES
from fastgw.errors import DownstreamError, FilterUnavailableError, GatewayError, InternalError
from fastgw.filters.credentials import NOTHING, Editor, edit, finder
from fastgw.filters.tokens import Demands, TokenError
from fastgw.wire.fields import LINE_BYTES, OWN_REQUEST_FIELDS, field_line

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

REFUSED_MOST: Final = 1024  #: refused tokens that a filter remembers
FROM_CACHE, VERIFIED, ASKED = range(3)  #: what a token is known from, the places of ``ROUTE_TOKENS_ACCEPTED``


class Accepted:
    """What is known of a token."""

    __slots__ = ("claims", "lines", "until")

    def __init__(self, until: float, claims: Mapping[str, Any], lines: bytes) -> None:
        self.until = until  #: seconds since 1970
        self.claims = claims
        self.lines = lines  #: fields that the service gets


def demands_of(options: Mapping[str, Any], *, expires: bool) -> Demands:
    """What the configuration demands of tokens; ``expires``: that they end."""
    return Demands(
        frozenset(options["issuer"]),
        frozenset(options["audience"]),
        options["required_claims"],
        frozenset(options["scopes"]),
        options["leeway"],
        expires,
    )


def remember(among: dict[bytes, Any], digest: bytes, found: object, most: int) -> None:
    """Remember what was ``found`` of a token, and forget the oldest where there are ``most``."""
    if len(among) >= most and digest not in among:
        del among[next(iter(among))]
    among[digest] = found


class Bearer:
    """Finds the token, refuses what is none, and passes on what one says."""

    __slots__ = (
        "_editor",
        "_fields",
        "_find",
        "_headers",
        "_is_optional",
        "_largest",
        "_note",
        "_realm",
        "_scope",
        "name",
    )

    def __init__(self, name: str, options: Mapping[str, Any], note: str) -> None:
        """``options``: those that ``config.filters.bearer`` gives; ``note``: the one that has the claims."""
        self.name = name
        self._note = note
        self._find = finder(options["token_from"])
        self._is_optional: bool = options["optional"]
        self._headers = [(field.encode(), claim) for field, claim in options["headers"]]
        self._fields = frozenset([field for field, _ in self._headers])
        self._editor = Editor(None if options["forward"] else self._find, self._fields)
        self._largest: int = options["max_size"]
        self._realm = f'Bearer realm="{options["realm"] or name}"'
        self._scope = " ".join(sorted(options["scopes"]))

    def token(self, exchange: Exchange) -> bytes | None:
        """The token of the request; None: it needs none, and may pass.

        Raises:
            GatewayError: there is none, more than one, or one that is too large; what the client is told.
        """
        tokens = self._find.tokens(exchange.request)
        if len(tokens) == 1 and len(tokens[0]) <= self._largest:
            return tokens[0]
        if not tokens:
            if not self._is_optional:
                self._count_refused(exchange, "missing")
                headers = (("www-authenticate", self._realm),)
                raise DownstreamError(401, "no_token", "a token is needed here", headers=headers)
            edit(exchange.request, NOTHING, self._fields, ())
            return None
        if len(tokens) > 1:
            raise self.refusal(exchange, TokenError("repeated", "the request has more than one token"))
        raise self.refusal(exchange, TokenError("malformed", f"the token is larger than {self._largest} bytes"))

    def accepted(self, claims: Mapping[str, Any], until: float) -> Accepted:
        """What is kept of a token that is believed; raises TokenError where a claim cannot be told."""
        return Accepted(until, MappingProxyType(claims), self._lines(claims))

    def let_through(self, exchange: Exchange, accepted: Accepted, by: int) -> None:
        """Tell the service what the token says; ``by``: what it is known from."""
        exchange.plane.values[exchange.route.base + counters.ROUTE_TOKENS_ACCEPTED + by] += 1
        self._editor.edit(exchange.request, accepted.lines)
        exchange.note(self._note, accepted.claims)

    def _lines(self, claims: Mapping[str, Any]) -> bytes:
        """The fields that tell the service of ``claims``; one that is not there, or is empty, has none."""
        found = []
        for field, claim in self._headers:
            value = claims.get(claim)
            if value is None or value == "":
                continue
            data = str(value).encode() if type(value) in (str, int) else None
            if data is None or data.translate(None, LINE_BYTES) or data != data.strip(b" \t"):
                raise TokenError("claims", "a claim of the token cannot be told in a header field")
            found.append(field_line(field, data, OWN_REQUEST_FIELDS))
        return b"".join(found)

    def _count_refused(self, exchange: Exchange, cause: str) -> None:
        exchange.plane.values[exchange.route.base + counters.ROUTE_TOKENS_REFUSED + TOKEN_CAUSES.index(cause)] += 1

    def refusal(self, exchange: Exchange, error: TokenError, reason: str = "") -> GatewayError:
        """What the client is told (RFC 6750 section 3.1), and counted; ``reason``: more of it, for the operator."""
        self._count_refused(exchange, error.cause)
        detail = str(error)
        reason = f"{reason or detail} ({error.cause}, by the filter {self.name!r})"

        def told(word: str, more: str = "") -> tuple[tuple[str, str]]:
            return (("www-authenticate", f'{self._realm}, error="{word}", error_description="{detail}"{more}'),)

        if error.cause == "unavailable":
            edit(
                exchange.request, NOTHING, self._fields, ()
            )  # it may go on all the same, and nobody has said who it is
            return FilterUnavailableError(503, "token_unverifiable", detail, reason=reason)
        if error.cause == "busy":  # no failure of the filter: else a flood would open one that is open then
            return InternalError(503, "tokens_busy", detail, reason=reason)
        if error.cause == "repeated":
            return DownstreamError(400, "repeated_token", detail, reason=reason, headers=told("invalid_request"))
        if error.cause == "scope":
            headers = told("insufficient_scope", f', scope="{self._scope}"')
            return DownstreamError(403, "insufficient_scope", detail, reason=reason, headers=headers)
        return DownstreamError(401, "invalid_token", detail, reason=reason, headers=told("invalid_token"))

"""What the file says of every filter that lets requests through for a token."""

from collections.abc import Callable
from typing import Annotated, Any

from fastgw.config.credentials import Place, Realm
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.filters.headers import RequestField
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, Duration, Parsed, count, size
from fastgw.config.unsound import is_unsound
from fastgw.config.values import shown, text

TEXTS: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


def texts(what: str) -> Callable[[object], tuple[str, ...]]:
    """Parser of one text or a list of some."""
    one = text(what)

    def parse(value: object) -> tuple[str, ...]:
        found = tuple(map(one, value)) if isinstance(value, list) else (one(value),)
        if not all(found):
            raise ValueError(f"expected {what}, got an empty one")
        return found

    return parse


def _claim(value: object) -> str:
    (found,) = texts("the name of a claim")([value])
    return found


def _scopes(value: object) -> tuple[str, ...]:
    found = texts("a scope")(value)
    for one in found:
        if not all(character.isascii() and character not in ' "\\' for character in one):  # RFC 6749 section 3.3
            raise ValueError(f"expected a scope without spaces, quotes and backslashes, got {shown(one)}")
    return found


class BearerOptions(FilterOptions):
    """What a token must say, where it is, and what is told of it."""

    issuer: Annotated[tuple[str, ...], Parsed(texts("an issuer"), **TEXTS)] = setting(
        [], "iss must be this, or one of these; empty: anybody who has a key."
    )
    audience: Annotated[tuple[str, ...], Parsed(texts("an audience"), **TEXTS)] = setting(
        [], "aud must have this, or one of these; empty: it is not asked."
    )
    required_claims: Annotated[tuple[str, ...], Parsed(texts("the name of a claim"), **TEXTS)] = setting(
        [], "Claims that a token must have, whatever they say."
    )
    scopes: Annotated[tuple[str, ...], Parsed(_scopes, **TEXTS)] = setting(
        [], "Scopes that a token must have, all of them, in scope or scp; 403 without."
    )
    leeway: Duration = setting("60s", "So much may the clocks of issuers differ, in exp, nbf and iat.")
    token_from: Place = setting(
        "authorization",
        "Where the token is: authorization (Bearer), header:NAME, cookie:NAME, query:NAME or subprotocol:NAME.",
    )
    forward: Boolean = setting(False, "Pass the token on to the service.")
    optional: Boolean = setting(False, "Let requests without a token through; a bad one is refused all the same.")
    headers: dict[RequestField, Annotated[str, Parsed(_claim, type="string")]] = setting(
        {}, "Fields that the service gets, and the claims that they tell; what clients send in their place is removed."
    )
    realm: Realm = setting("", "What WWW-Authenticate calls this; empty: the name of the filter.")
    max_size: Annotated[int, size(256, 65536)] = setting("8KiB", "Larger tokens are refused unread.")
    cache: Annotated[int, count(0, 1_000_000)] = setting(
        4096, "Accepted tokens that a worker remembers, until they expire; 0: none."
    )

    def check(self, document: Document, where: TreePath) -> None:
        """No field is both where the token is and what is told of it."""
        source = self.token_from.removeprefix("header:") if not is_unsound(self.token_from) else ""
        if source in self.headers:
            document.report((*where, "headers"), f"{source!r} is where the token is")

"""Names of endpoints that only this gateway can make: what a client keeps to come back to the same one.

A *token* is an HMAC (RFC 2104, SHA-256) of the service and the address of the endpoint, by a secret: the same in every worker, on every
node that has the secret, after every restart.  Nobody learns an address from it, and nobody makes one for an address that he knows.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Final

_BYTES: Final = 16  #: of a digest that are told: 128 bits
_ABOUT: Final = b"fastgw affinity"  #: what is signed, so that no other use of the secret gives the same


class EndpointTokens:
    """The tokens of one service."""

    __slots__ = ("_by_token", "_known", "_secrets", "_seen", "_service")

    def __init__(self, service: str, secrets: tuple[str, ...]) -> None:
        """``secrets``: the first makes tokens, and those of all are known, so that it can be changed under way."""
        self._service = service.encode()
        self._secrets = tuple(one.encode() for one in secrets)
        self._known: dict[str, tuple[bytes, ...]] = {}  # by address, a token by each secret
        self._seen: Any = None  # the tuple of candidates that ``_by_token`` is of
        self._by_token: dict[bytes, Any] = {}

    def token(self, endpoint: Any) -> bytes:
        """What stands for ``endpoint``."""
        return self._tokens(endpoint.place)[0]

    def find(self, candidates: Sequence[Any], token: bytes) -> Any:
        """The candidate that ``token`` stands for; None: it is forged, or of one that is not there."""
        if candidates is not self._seen:
            self._learn(candidates)
        return self._by_token.get(token)

    def _learn(self, candidates: Sequence[Any]) -> None:
        if len(self._known) > 2 * len(candidates) + 16:
            self._known = {}  # endpoints that are gone for good must not be held
        self._by_token = {token: one for one in candidates for token in self._tokens(one.place)}
        self._seen = candidates if type(candidates) is tuple else None  # a list may change under its identity

    def _tokens(self, place: str) -> tuple[bytes, ...]:
        found = self._known.get(place)
        if found is None:
            message = b"\0".join((_ABOUT, self._service, place.encode()))
            digests = [hmac.digest(secret, message, "sha256") for secret in self._secrets]
            found = tuple([urlsafe_b64encode(digest[:_BYTES]).rstrip(b"=") for digest in digests])
            self._known[place] = found
        return found

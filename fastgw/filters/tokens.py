"""Signed tokens (JWT, RFC 7519, as compact JWS, RFC 7515): read strictly, verified, and their claims judged.

Keys and signatures are those of joserfc.  The text is read here, because more is refused than what cannot be read: whatever two readers
could take for different tokens (base64url that is not canonical, a member that is there twice, a date that is no number) is none.
Nothing that a token says of itself finds a key for it (``jku``, ``x5u``, ``jwk``, ``x5c``): the configuration says which keys there
are, and which algorithms each is used with.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, NoReturn

#: What an algorithm is used with (RFC 7518 section 3.1, RFC 8037, RFC 9864): the ``kty`` of its keys, and their curves or the bytes that
#: a secret has at least, which are those of its hash.
ALGORITHMS: Final[Mapping[str, tuple[str, tuple[str, ...], int]]] = {
    "HS256": ("oct", (), 32),
    "HS384": ("oct", (), 48),
    "HS512": ("oct", (), 64),
    "RS256": ("RSA", (), 0),
    "RS384": ("RSA", (), 0),
    "RS512": ("RSA", (), 0),
    "PS256": ("RSA", (), 0),
    "PS384": ("RSA", (), 0),
    "PS512": ("RSA", (), 0),
    "ES256": ("EC", ("P-256",), 0),
    "ES384": ("EC", ("P-384",), 0),
    "ES512": ("EC", ("P-521",), 0),
    "EdDSA": ("OKP", ("Ed25519", "Ed448"), 0),
    "Ed25519": ("OKP", ("Ed25519",), 0),
}
_LATEST: Final = 1 << 53  #: no date is beyond: such numbers are exact in whatever reads them (RFC 7493 section 2.2)
_ABSENT: Final = object()


class TokenError(Exception):
    """A token is refused; ``cause`` is one of ``core.labels.TOKEN_CAUSES``, and the text may be told to the client."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause


class Demands(NamedTuple):
    """What a token has to say."""

    issuers: frozenset[str]  #: one of them, if there are any
    audiences: frozenset[str]  #: at least one of them, if there are any
    claims: tuple[str, ...]  #: all of them
    scopes: frozenset[str]  #: all of them
    leeway: float  #: seconds that clocks may differ
    expires: bool  #: it must have ``exp``


class Verified(NamedTuple):
    """A token that is what it says."""

    claims: dict[str, Any]
    until: float  #: seconds since 1970: when it is no token any more; infinite where it has no end


class Verifier:
    """Knows some keys, and what tokens signed with them must say."""

    __slots__ = ("_demands", "_keys")

    def __init__(
        self, keys: Iterable[tuple[str, str, tuple[str, ...]]], demands: Demands, algorithms: Iterable[str] = ()
    ) -> None:
        """``keys``: of each its ``kid`` (empty: it has none), the JSON of its JWK, and the algorithms it is used with; ``algorithms``:
        those that are accepted although there may be no key for them now."""
        from joserfc.jwk import import_key
        from joserfc.jws import JWSRegistry

        self._demands = demands
        self._keys: dict[str, list[tuple[str, Callable[[bytes, bytes], bool]]]] = {name: [] for name in algorithms}
        for kid, text, fitting in keys:
            key = import_key(json.loads(text))
            for name in fitting:
                algorithm = JWSRegistry.algorithms[name]
                algorithm.check_key(key)
                self._keys.setdefault(name, []).append((kid, partial(algorithm.verify, key=key)))

    def verify(self, token: bytes, now: float) -> Verified:
        """What ``token`` says; ``now``: seconds since 1970.

        Raises:
            TokenError: it is none, is not signed with one of the keys, or does not say what it has to.
        """
        parts = token.split(b".")
        if len(parts) != 3:
            said = "the token is encrypted" if len(parts) == 5 else "the token is no signed JWT"
            raise TokenError("malformed", said)
        self._check_signature(token, parts)
        claims = _object(_decoded(parts[1]))
        return Verified(claims, judge(claims, self._demands, now))

    def _check_signature(self, token: bytes, parts: list[bytes]) -> None:
        header = _object(_decoded(parts[0]))
        if "crit" in header or "b64" in header:  # RFC 7515 section 4.1.11: nothing is understood that must be
            raise TokenError("malformed", "the token needs an extension that is not understood")
        algorithm = header.get("alg")
        keys = self._keys.get(algorithm) if isinstance(algorithm, str) else None
        if keys is None:
            raise TokenError("algorithm", "the token is signed with an algorithm that is not accepted")
        kid = header.get("kid", "")
        if not isinstance(kid, str):
            raise TokenError("malformed", "the token names its key in a way that has no reading")
        tried = [verify for name, verify in keys if not kid or not name or kid == name]
        if not tried:
            raise TokenError("key", "the token is signed with a key that is not known")
        signed, signature = token[: token.rindex(b".")], _decoded(parts[2])
        if not any(verify(signed, signature) for verify in tried):
            raise TokenError("signature", "the signature of the token is not right")


def judge(claims: Mapping[str, Any], demands: Demands, now: float) -> float:
    """When ``claims`` end, seconds since 1970 (RFC 7519 section 4.1), at ``now``.

    Raises:
        TokenError: they do not say what they have to.
    """
    until = _check_dates(claims, demands, now)
    issuer = claims.get("iss")
    if demands.issuers and not (isinstance(issuer, str) and issuer in demands.issuers):
        raise TokenError("issuer", "the token has another issuer than those that are accepted")
    if demands.audiences and demands.audiences.isdisjoint(_texts(claims.get("aud"))):
        raise TokenError("audience", "the token is for another audience")
    missing = next((name for name in demands.claims if claims.get(name) is None), None)
    if missing is not None:
        raise TokenError("claims", "the token lacks a claim that is required")
    if demands.scopes and not demands.scopes <= scopes(claims):
        raise TokenError("scope", "the token lacks a scope that is required")
    return until


def _check_dates(claims: Mapping[str, Any], demands: Demands, now: float) -> float:
    leeway = demands.leeway
    ends, begins, made = (_date(claims, name) for name in ("exp", "nbf", "iat"))
    if ends is None and demands.expires:
        raise TokenError("claims", "the token never expires")
    if ends is not None and now >= ends + leeway:
        raise TokenError("expired", "the token has expired")
    if any(one is not None and now < one - leeway for one in (begins, made)):
        raise TokenError("early", "the token is not valid yet")
    return float("inf") if ends is None else ends + leeway


def unfit(jwk: Mapping[str, Any], algorithm: str) -> str:
    """Why the key ``jwk`` is not used with ``algorithm``; empty: it is."""
    kind, curves, shortest = ALGORITHMS[algorithm]
    if jwk.get("kty") != kind:
        return f"{algorithm} needs a key of type {kind}"
    if curves and jwk.get("crv") not in curves:
        return f"{algorithm} needs a key on the curve {' or '.join(curves)}"
    if jwk.get("alg", algorithm) != algorithm:
        return f"the key is for {jwk['alg']} only"
    if shortest and len(jwk["k"]) * 3 // 4 < shortest:  # base64url without padding
        return f"{algorithm} needs a secret of {shortest} bytes or more (RFC 7518 section 3.2), this has {len(jwk['k']) * 3 // 4}"
    return ""


def scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """What the token may be used for: ``scope``, words in one text (RFC 8693 section 4.2), and ``scp``, which some write as a list."""
    found: list[str] = []
    for name in ("scope", "scp"):
        for text in _texts(claims.get(name)):
            found += text.split(" ")
    return frozenset(found)


def _texts(value: object) -> list[str]:
    """A text, or those of a list; nothing else is any."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _decoded(part: bytes) -> bytes:
    """Base64url without padding (RFC 7515 section 2), in the one form that it has."""
    try:
        data = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except binascii.Error:
        data = b""
    if not data or base64.urlsafe_b64encode(data).rstrip(b"=") != part:
        raise TokenError("malformed", "the token is not canonical base64url")
    return data


def _object(data: bytes) -> dict[str, Any]:
    found = json_object(data)
    if found is None:
        raise TokenError("malformed", "the token has a part that is no JSON object")
    return found


def json_object(data: bytes) -> dict[str, Any] | None:
    """A JSON object that has one reading (RFC 8725 section 3.10; RFC 7515 section 4: no member twice); None: it is none."""
    try:
        found = json.loads(data.decode(), object_pairs_hook=_members, parse_constant=_refuse_constant)
        if b"\\u" in data:
            json.dumps(found, ensure_ascii=False).encode()  # halves of a surrogate pair are no text
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _date(claims: Mapping[str, Any], name: str) -> float | None:
    """A ``NumericDate``, fractions and all (RFC 7519 section 2); None: there is none."""
    value = claims.get(name, _ABSENT)
    if value is _ABSENT:
        return None
    if type(value) not in (int, float) or not -_LATEST < value < _LATEST:  # neither a truth value, nor infinite
        raise TokenError("malformed", f"{name} of the token is no date")
    return float(value)

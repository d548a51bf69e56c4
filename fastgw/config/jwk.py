"""The keys that tokens are verified with: from PEM, a JWK or a JWK Set to what a worker gets, which is never more than it needs.

Only the loading half has files and private keys: of a key that could sign, the public part goes on (of a secret there is no such part).
"""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from fastgw.filters.tokens import ALGORITHMS, unfit

LARGEST_FILE: Final = 256 * 1024  #: bytes
MOST_KEYS: Final = 16  #: of a filter: a token that names none is tried with all of its algorithm
MOST_FETCHED: Final = 32  #: of a set that is fetched, where keys have names
_SHORTEST_RSA: Final = 2048  #: bits (RFC 7518 section 3.3)
_KINDS: Final = frozenset(kind for kind, _, _ in ALGORITHMS.values())


class JwkSpec(NamedTuple):
    """A key, as a worker gets it."""

    kid: str  #: empty: it has none
    text: str  #: JSON of the JWK
    algorithms: tuple[str, ...]  #: that it is used with


def missing_package() -> str:
    """The package that is needed and not installed; empty: it is there."""
    try:
        import cryptography  # noqa: F401
        import joserfc.jws  # noqa: F401
    except ImportError as error:
        return str(error.name or "joserfc").partition(".")[0]
    return ""


def read_file(path: str) -> str:
    """The text of a file of keys.

    Raises:
        ValueError: there is none, in words for the operator.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > LARGEST_FILE:
        raise ValueError(f"{path} is larger than {LARGEST_FILE} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{path} is neither PEM nor JSON") from None


def of_secret(secret: str, kid: str, algorithms: Sequence[str]) -> list[JwkSpec]:
    """The key that the text ``secret`` is; raises ValueError as ``of_text`` does."""
    if "-----BEGIN" in secret:
        raise ValueError("is a PEM key, which is no secret: say 'key'")
    encoded = base64.urlsafe_b64encode(secret.encode()).rstrip(b"=").decode()
    return [_fitting({"kty": "oct", "k": encoded}, kid, algorithms)]


def of_text(text: str, kid: str, algorithms: Sequence[str]) -> list[JwkSpec]:
    """The keys of PEM, a JWK or a JWK Set that some of ``algorithms`` are used with.

    Args:
        kid: names the key; empty: it says itself what it is called.

    Raises:
        ValueError: there is none, or one that cannot be used, in words for the operator, which have nothing of the key.
    """
    if "-----BEGIN" in text:
        return [_fitting(_from_pem(text), kid, algorithms)]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError("is neither PEM, nor a JWK, nor a JWK Set")
    if "keys" not in found:
        return [_fitting(_from_jwk(found), kid, algorithms)]
    if kid:
        raise ValueError("is a JWK Set, whose keys have names of their own: no 'kid' stands beside it")
    return _from_set(found["keys"], algorithms)


def of_fetched(text: str) -> tuple[list[JwkSpec], list[str]]:
    """The keys of a JWK Set that was fetched, for every algorithm that is not a secret's; and why others of it are left out.

    What cannot be used is no reason to refuse the others (RFC 7517 section 5): it is somebody else's file.

    Raises:
        ValueError: it is no JWK Set, has no key that can be used, or more than ``MOST_FETCHED``.
    """
    try:
        keys = json.loads(text)["keys"]
    except (ValueError, RecursionError, TypeError, KeyError):
        keys = None
    if not isinstance(keys, list):
        raise ValueError("is no JWK Set")
    if len(keys) > MOST_FETCHED:
        raise ValueError(f"has {len(keys)} keys, and {MOST_FETCHED} are the most")
    algorithms = [name for name, (kind, _, _) in ALGORITHMS.items() if kind != "oct"]
    found, left_out = [], []
    for one in keys:
        try:
            if not isinstance(one, dict) or not isinstance(one.get("kid", ""), str):
                raise ValueError("is no JWK that can be used")
            if one.get("kty") == "oct":
                raise ValueError("is a secret, which nobody publishes")
            found.append(_fitting(_from_jwk(one), "", algorithms))
        except ValueError as error:
            left_out.append(f"a key {error}")
    if not found:
        raise ValueError("has no key that can be used" + (f": {left_out[0]}" if left_out else ""))
    return found, left_out


def _from_set(keys: object, algorithms: Sequence[str]) -> list[JwkSpec]:
    if not isinstance(keys, list) or not all(isinstance(one, dict) for one in keys):
        raise ValueError("is a JWK Set without a list of keys")
    found = []
    for one in keys:
        # What is for something else is left out (RFC 7517 section 5), what is meant for us and is wrong is not.
        if str(one.get("kty")) in _KINDS and one.get("use", "sig") == "sig":
            jwk = _from_jwk(one)
            if any(not unfit(jwk, name) for name in algorithms):
                found.append(_fitting(jwk, "", algorithms))
    if not found:
        raise ValueError(f"has no key for {' or '.join(algorithms)}")
    return found


def _fitting(jwk: Mapping[str, Any], kid: str, algorithms: Sequence[str]) -> JwkSpec:
    reasons = {name: unfit(jwk, name) for name in algorithms}
    fitting = tuple(name for name, reason in reasons.items() if not reason)
    if not fitting:
        raise ValueError(f"is used with none of the algorithms: {'; '.join(reasons.values())}")
    return JwkSpec(kid or jwk.get("kid", ""), json.dumps(jwk, sort_keys=True), fitting)


def _from_jwk(found: dict[str, Any]) -> dict[str, Any]:
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    if found.get("use", "sig") != "sig":
        raise ValueError("is a JWK that is not for signatures")
    operations = found.get("key_ops")
    if operations is not None and not (isinstance(operations, list) and {"verify", "sign"} & {*map(str, operations)}):
        raise ValueError("is a JWK that is not for signatures")
    known = {name: value for name, value in found.items() if name not in ("key_ops", "use")}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of is refused here
            key = import_key(known)
    except (JoseError, ValueError, TypeError, KeyError, OverflowError):
        raise ValueError("is no JWK that can be used") from None
    return _public(key)


def _from_pem(text: str) -> dict[str, Any]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.x509 import load_pem_x509_certificate

    if text.count("-----BEGIN") > 1:
        raise ValueError("has more than one PEM block; several keys stand in several entries, or in a JWK Set")
    data = text.encode()
    try:
        if "PRIVATE KEY-----" in text:
            key: Any = serialization.load_pem_private_key(data, None).public_key()
        elif "CERTIFICATE-----" in text:
            key = load_pem_x509_certificate(data).public_key()
        else:
            key = serialization.load_pem_public_key(data)
    except TypeError:
        raise ValueError("is encrypted; fastgw has no way to ask for its password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("has no PEM key that can be read") from None
    return _public(_of_kind(key))


def _of_kind(key: Any) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(key, rsa.RSAPublicKey):
            return RSAKey.import_key(key)
        if isinstance(key, ec.EllipticCurvePublicKey):
            return ECKey.import_key(key)
        if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            return OKPKey.import_key(key)
    raise ValueError("has a PEM key of a kind that signs no tokens")


def _public(key: Any) -> dict[str, Any]:
    if key.key_type == "RSA" and key.public_key.key_size < _SHORTEST_RSA:
        raise ValueError(f"is an RSA key of {key.public_key.key_size} bits, and {_SHORTEST_RSA} are the least")
    return dict(key.as_dict(private=False))

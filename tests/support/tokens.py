"""Keys, and tokens signed with them by another implementation than the gateway's (PyJWT, or the hands of a test)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jwt as pyjwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from fastgw.config.jwk import of_secret, of_text
from fastgw.filters.tokens import ALGORITHMS

SECRET = "0123456789abcdef" * 4  #: enough for every HMAC
NOW = 1_800_000_000.0
CLAIMS = {"sub": "ann", "iss": "https://issuer.test", "aud": ["api", "web"], "exp": NOW + 600}


@cache
def private_key(algorithm: str, *, again: bool = False) -> Any:
    """One key for each kind, or another one."""
    kind, names, _ = ALGORITHMS[algorithm]
    if kind == "RSA":
        return _rsa()
    if kind == "EC":
        curves: dict[str, ec.EllipticCurve] = {
            "P-256": ec.SECP256R1(),
            "P-384": ec.SECP384R1(),
            "P-521": ec.SECP521R1(),
        }
        return ec.generate_private_key(curves[names[0]])
    return ed25519.Ed25519PrivateKey.generate() if kind == "OKP" else SECRET


@cache
def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def public_pem(algorithm: str, *, again: bool = False) -> str:
    key = private_key(algorithm, again=True) if again else private_key(algorithm)
    found: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return found.decode()


def private_pem(algorithm: str) -> str:
    found: bytes = private_key(algorithm).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return found.decode()


def key_of(algorithm: str, *, kid: str = "", algorithms: tuple[str, ...] = ()) -> Any:
    """What a worker gets of the key of ``algorithm``."""
    used = algorithms or (algorithm,)
    (spec,) = of_secret(SECRET, kid, used) if algorithm[:2] == "HS" else of_text(public_pem(algorithm), kid, used)
    return tuple(spec)


def encoded(data: bytes | dict[str, Any]) -> bytes:
    """Base64url; of a mapping its JSON."""
    if isinstance(data, dict):
        data = json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def signed(claims: dict[str, Any], algorithm: str = "HS256", **header: Any) -> bytes:
    """By PyJWT."""
    if algorithm == "Ed25519":  # it knows the older name only
        head = encoded({"alg": algorithm, **header}) + b"." + encoded(claims)
        return head + b"." + encoded(private_key(algorithm).sign(head))
    return pyjwt.encode(claims, private_key(algorithm), algorithm, headers=header).encode()


def by_hand(header: bytes | dict[str, Any], claims: bytes | dict[str, Any], secret: bytes = SECRET.encode()) -> bytes:
    """Whatever header and claims, with an HMAC of SHA-256."""
    head = encoded(header) + b"." + encoded(claims)
    return head + b"." + encoded(hmac.digest(secret, head, hashlib.sha256))


#: Of the filter, as the configuration gives them where it says nothing else.
OPTIONS: Mapping[str, Any] = {
    "keys": (key_of("HS256"),),
    "key_sets": (),
    "algorithms": (),
    "issuer": (),
    "audience": (),
    "required_claims": (),
    "scopes": (),
    "require_expiry": True,
    "leeway": 60.0,
    "token_from": "authorization",
    "forward": False,
    "optional": False,
    "headers": (),
    "realm": "",
    "max_size": 8192,
    "cache": 4096,
}


def jwks(**names: str) -> bytes:
    """A JWK Set: the public key of each algorithm, by the name it has there."""
    keys = [{**json.loads(key_of(algorithm, kid=kid)[1]), "kid": kid} for algorithm, kid in names.items()]
    return json.dumps({"keys": keys}).encode()

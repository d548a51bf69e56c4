"""Keys of tokens: PEM, JWK and JWK Set, and never more of them than a worker needs."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from fastgw.config.jwk import LARGEST_FILE, MOST_FETCHED, missing_package, of_fetched, of_secret, of_text, read_file
from tests.support.tokens import jwks, private_key, private_pem, public_pem

OCT = {"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}


def pem(key: Any) -> str:
    found: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return found.decode()


def certificate(key: Any) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
    day = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, day, day + datetime.timedelta(days=9))
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("algorithm", "members"),
    [("RS256", {"n", "e"}), ("ES256", {"crv", "x", "y"}), ("ES384", {"crv", "x", "y"}), ("EdDSA", {"crv", "x"})],
)
def test_pem(algorithm: str, members: set[str]) -> None:
    (found,) = of_text(public_pem(algorithm), "a", (algorithm,))
    assert (found.kid, found.algorithms) == ("a", (algorithm,))
    assert set(json.loads(found.text)) == members | {"kty"}
    assert of_text(private_pem(algorithm), "a", (algorithm,)) == [found]


def test_a_certificate_has_a_key() -> None:
    key = private_key("ES256")
    assert of_text(certificate(key), "", ("ES256",)) == of_text(pem(key), "", ("ES256",))


def test_a_jwk_goes_on_without_its_private_part() -> None:
    from joserfc.jwk import ECKey

    whole = ECKey.generate_key("P-256", {"kid": "b", "use": "sig", "key_ops": ["sign", "verify"]}).as_dict(private=True)
    (found,) = of_text(json.dumps(whole), "", ("ES256",))
    assert found.kid == "b" and set(json.loads(found.text)) == {"kty", "crv", "x", "y", "kid"}


def test_a_set_may_have_what_is_for_others() -> None:
    public = json.loads(of_text(public_pem("RS256"), "", ("RS256",))[0].text)
    keys = [
        {"kty": "AKP", "alg": "ML-DSA-44"},
        {"kty": ["oct"]},
        public | {"kid": "a"},
        public | {"kid": "b", "use": "enc"},
        public | {"kid": "c", "alg": "PS256"},
        OCT | {"kid": "d"},
    ]
    found = of_text(json.dumps({"keys": keys}), "", ("RS256", "PS256"))
    assert [(one.kid, one.algorithms) for one in found] == [("a", ("RS256", "PS256")), ("c", ("PS256",))]
    with pytest.raises(ValueError, match="has no key for ES256"):
        of_text(json.dumps({"keys": keys}), "", ("ES256",))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is neither PEM, nor a JWK"),
        ("[]", "is neither PEM, nor a JWK"),
        ("[" * 9999, "is neither PEM, nor a JWK"),
        ("{}", "is no JWK that can be used"),
        ('{"kty": "oct"}', "is no JWK that can be used"),
        ('{"kty": "oct", "k": ""}', "is no JWK that can be used"),
        ('{"kty": "oct", "k": 1}', "is no JWK that can be used"),
        ('{"kty": "RSA", "n": "AQAB", "e": "AQAB"}', "RSA key of|is no JWK"),
        ('{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}', "is no JWK that can be used"),
        ('{"kty": ["oct"]}', "is no JWK that can be used"),
        (json.dumps(OCT | {"kid": 7}), "is no JWK that can be used"),
        (json.dumps(OCT | {"use": "enc"}), "not for signatures"),
        (json.dumps(OCT | {"key_ops": ["encrypt"]}), "not for signatures"),
        (json.dumps(OCT | {"key_ops": "verify"}), "not for signatures"),
        (json.dumps(OCT | {"alg": "HS384"}), "for HS384 only"),
        ('{"keys": {}}', "without a list"),
        ('{"keys": [1]}', "without a list"),
        ('{"keys": []}', "has no key for HS256"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no PEM key that can be read"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no PEM key that can be read"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no PEM key that can be read"),
        ("-----BEGIN PUBLIC KEY-----\n" * 2, "more than one PEM block"),
    ],
)
def test_what_is_no_key(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        of_text(text, "", ("HS256",))


def test_keys_that_are_too_weak_or_sign_nothing() -> None:
    weak = rsa.generate_private_key(65537, 1024)
    with pytest.raises(ValueError, match="is an RSA key of 1024 bits, and 2048 are the least"):
        of_text(pem(weak), "", ("RS256",))
    with pytest.raises(ValueError, match="a kind that signs no tokens"):
        of_text(pem(x25519.X25519PrivateKey.generate()), "", ("EdDSA",))
    with pytest.raises(ValueError, match="a kind that signs no tokens"):
        of_text(pem(dsa.generate_private_key(1024)), "", ("ES256",))
    with pytest.raises(ValueError, match="a key on the curve P-256"):
        of_text(pem(ec.generate_private_key(ec.SECP256K1())), "", ("ES256",))
    locked = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
    )
    with pytest.raises(ValueError, match="is encrypted"):
        of_text(locked.decode(), "", ("EdDSA",))


def test_the_same_weak_key_as_a_jwk() -> None:
    numbers = rsa.generate_private_key(65537, 1024)
    from joserfc.jwk import RSAKey

    with pytest.warns(match="2048"):
        jwk = RSAKey.import_key(numbers.public_key()).as_dict()
    with pytest.raises(ValueError, match="1024 bits"):
        of_text(json.dumps(jwk), "", ("RS256",))


def test_a_secret_is_no_public_key() -> None:
    for text in (public_pem("RS256"), certificate(private_key("ES256"))):
        with pytest.raises(ValueError, match="is a PEM key, which is no secret"):
            of_secret(text, "", ("HS256",))
    (found,) = of_secret("é" * 16, "a", ("HS256", "HS384"))
    assert found.algorithms == ("HS256",)  # the other one needs more bytes


def test_a_set_names_its_keys_itself() -> None:
    with pytest.raises(ValueError, match="no 'kid' stands beside it"):
        of_text(json.dumps({"keys": [OCT]}), "a", ("HS256",))


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_file(str(path))
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        read_file(str(tmp_path))
    with pytest.raises(ValueError, match="cannot be read"):
        read_file("a\0b")
    path.write_bytes(b"x" * (LARGEST_FILE + 1))
    with pytest.raises(ValueError, match="is larger than 262144 bytes"):
        read_file(str(path))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="is neither PEM nor JSON"):
        read_file(str(path))
    path.write_text("é")
    assert read_file(str(path)) == "é"


def test_nothing_is_missing_here() -> None:
    assert missing_package() == ""


# --- what is fetched


def test_of_a_set_that_is_fetched_everything_is_taken_that_can_be_used() -> None:
    body = json.loads(jwks(ES256="a", RS256="b", EdDSA="c"))
    good = {one["kid"]: one for one in body["keys"]}
    bad: list[object] = [
        7,
        {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "secret"},
        {**good["a"], "use": "enc"},
        {**good["a"], "crv": "P-192"},
        {**good["b"], "n": "AQAB"},
        {**good["b"], "kid": 7},
        {"kty": "PQC"},
        {},
        {**good["a"], "alg": "ES384"},
    ]
    found, left_out = of_fetched(json.dumps({"keys": [*bad, *good.values()], "more": 1}))
    assert [one.kid for one in found] == ["a", "b", "c"] and len(left_out) == len(bad)
    assert "a key is a secret, which nobody publishes" in left_out
    assert found[1].algorithms == ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
    assert not any("c2VjcmV0" in one for one in left_out)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "is no JWK Set"),
        ("{}", "is no JWK Set"),
        ('{"keys": {}}', "is no JWK Set"),
        ("[" * 100_000, "is no JWK Set"),
        ('{"keys": []}', "has no key that can be used"),
        ('{"keys": [{}]}', "has no key that can be used: a key "),
        (json.dumps({"keys": [{}] * (MOST_FETCHED + 1)}), "has 33 keys, and 32 are the most"),
    ],
)
def test_what_is_no_set_that_is_fetched(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        of_fetched(text)

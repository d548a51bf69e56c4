"""Tokens: which are verified, and that nothing else is (RFC 7515, RFC 7519, RFC 8037, RFC 8725)."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from fastgw.config.jwk import of_text
from fastgw.core.labels import TOKEN_CAUSES
from fastgw.filters.tokens import ALGORITHMS, Demands, TokenError, Verifier, scopes, unfit
from tests.support.tokens import (
    CLAIMS,
    NOW,
    by_hand,
    encoded,
    key_of,
    public_pem,
    signed,
)

ANY = Demands(frozenset(), frozenset(), (), frozenset(), 60.0, expires=False)

#: RFC 7515 appendix A.1.1, also RFC 7519 section 3.1.
A1_KEY = {
    "kty": "oct",
    "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
}
A1 = (
    b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9p"
    b"c19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)
#: RFC 7515 appendix A.3.1.
A3_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
A3 = (
    b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    b"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
#: RFC 8037 appendices A.2 and A.4; what it signs is no object.
ED_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
ED_SIGNED = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
ED_SIGNATURE = b"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"


def verifier(*keys: Any, **demands: Any) -> Verifier:
    return Verifier(keys or [key_of("HS256")], ANY._replace(**demands))


def of_jwk(jwk: dict[str, Any], *algorithms: str) -> Any:
    (spec,) = of_text(json.dumps(jwk), "", algorithms)
    return tuple(spec)


def refused(token: bytes, *keys: Any, now: float = NOW, **demands: Any) -> str:
    """The cause."""
    with pytest.raises(TokenError) as error:
        verifier(*keys, **demands).verify(token, now)
    assert error.value.cause in TOKEN_CAUSES
    return error.value.cause


# --- what is verified


@pytest.mark.parametrize(("token", "key", "algorithm"), [(A1, A1_KEY, "HS256"), (A3, A3_KEY, "ES256")])
def test_the_vectors_of_rfc_7515(token: bytes, key: dict[str, Any], algorithm: str) -> None:
    found = verifier(of_jwk(key, algorithm)).verify(token, 1300819380.0)
    assert found.claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}
    assert found.until == 1300819440
    assert refused(token, of_jwk(key, algorithm)) == "expired"


def test_the_vector_of_rfc_8037() -> None:
    key = of_jwk(ED_KEY, "EdDSA")
    assert refused(ED_SIGNED + b"." + ED_SIGNATURE, key) == "malformed"  # the signature is right, its text is no object
    assert refused(ED_SIGNED + b"." + encoded(bytes(64)), key) == "signature"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm(algorithm: str) -> None:
    key = key_of(algorithm)
    token = signed(CLAIMS, algorithm)
    assert verifier(key).verify(token, NOW).claims == CLAIMS
    head, _, signature = token.rpartition(b".")
    data = bytearray(base64.urlsafe_b64decode(signature + b"=="))
    data[len(data) // 2] ^= 1
    assert refused(head + b"." + encoded(bytes(data)), key) == "signature"
    assert refused(head + b"." + encoded(bytes(data[:-1])), key) == "signature"
    assert refused(head + b".", key) == "malformed"


def test_a_key_has_a_name_or_is_tried() -> None:
    other = json.dumps({**A1_KEY, "kid": "a"})
    keys = [tuple(of_text(other, "", ("HS256",))[0]), key_of("HS256", kid="b")]
    for header in ({}, {"kid": "b"}):
        assert verifier(*keys).verify(signed(CLAIMS, **header), NOW).claims == CLAIMS
    assert refused(signed(CLAIMS, kid="a"), *keys) == "signature"
    assert verifier(key_of("HS256")).verify(signed(CLAIMS, kid="whatever"), NOW).claims == CLAIMS


# --- attacks


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "HS384", "hs256", "", None, 1, ["HS256"], {}])
def test_no_algorithm_but_those_that_are_named(name: object) -> None:
    assert refused(by_hand({"alg": name}, CLAIMS)) == "algorithm"
    assert refused(encoded({"alg": name}) + b"." + encoded(CLAIMS) + b".") in ("algorithm", "malformed")
    assert refused(by_hand({}, CLAIMS)) == "algorithm"


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_a_public_key_is_no_secret(algorithm: str) -> None:
    """CVE-2022-29217 and its like: what everybody knows is used as if nobody did."""
    pem = public_pem(algorithm)
    for secret in (pem, pem.strip(), key_of(algorithm)[1]):
        forged = by_hand({"alg": "HS256"}, CLAIMS, secret.encode())
        assert refused(forged, key_of(algorithm)) == "algorithm"
        assert refused(forged, key_of(algorithm), key_of("HS256")) == "signature"
        claimed = by_hand({"alg": algorithm}, CLAIMS, secret.encode())
        assert refused(claimed, key_of(algorithm), key_of("HS256")) == "signature"


def test_a_key_is_used_with_its_own_algorithms() -> None:
    assert refused(signed(CLAIMS, "PS256"), key_of("RS256")) == "algorithm"
    assert refused(signed(CLAIMS, "RS256"), key_of("RS256", algorithms=("PS256",))) == "algorithm"
    with pytest.raises(ValueError, match="ES384 needs a key on the curve P-384"):
        key_of("ES256", algorithms=("ES384",))


@pytest.mark.parametrize("kid", ["../../../../dev/null", "x' UNION SELECT 'k", "b\x00", "B", "b "])
def test_a_kid_is_nothing_but_a_name(kid: str) -> None:
    assert refused(signed(CLAIMS, kid=kid), key_of("HS256", kid="b")) == "key"
    assert refused(by_hand({"alg": "HS256", "kid": kid}, CLAIMS, b""), key_of("HS256", kid="b")) == "key"


@pytest.mark.parametrize("kid", [1, ["b"], {}, None, True])
def test_a_kid_is_text(kid: object) -> None:
    assert refused(by_hand({"alg": "HS256", "kid": kid}, CLAIMS), key_of("HS256", kid="b")) == "malformed"


@pytest.mark.parametrize(
    "header", [{"crit": ["x"], "x": 1}, {"crit": []}, {"crit": ["exp"]}, {"b64": False}, {"b64": True}]
)
def test_extensions_are_not_understood(header: dict[str, Any]) -> None:
    assert refused(by_hand({"alg": "HS256", **header}, CLAIMS)) == "malformed"


def test_no_token_brings_its_key() -> None:
    mine = b"m" * 64
    jwk = {"kty": "oct", "k": encoded(mine).decode()}
    header = {"alg": "HS256", "jwk": jwk, "jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/", "x5c": ["MIIB"]}
    assert refused(by_hand(header, CLAIMS, mine)) == "signature"
    assert verifier().verify(by_hand(header, CLAIMS), NOW).claims == CLAIMS


@pytest.mark.parametrize(
    "token",
    [b"", b".", b"..", b"a", b"a.b", b"....", b"a.b.c.d.e", b"a.b.c.d", b"\xff.\xff.\xff", b"=.=.=", b"{}.{}.{}"],
)
def test_what_is_no_token(token: bytes) -> None:
    assert refused(token) == "malformed"


def test_base64url_has_one_form() -> None:
    token = signed(CLAIMS)
    head, claims, signature = token.split(b".")
    last = signature[-1:]
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same = alphabet[alphabet.index(last) + 1 :][:1]  # decodes to the same bytes: the last two bits are padding
    assert base64.urlsafe_b64decode(signature[:-1] + same + b"=") == base64.urlsafe_b64decode(signature + b"=")
    for other in (signature[:-1] + same, signature + b"=", b"\n" + signature, signature + b" "):
        assert refused(head + b"." + claims + b"." + other) == "malformed"
    assert refused(by_hand(json.dumps({"alg": "HS256"}).encode(), CLAIMS).replace(b".", b"=.", 1)) == "malformed"


@pytest.mark.parametrize(
    "claims",
    [
        b'{"sub": "ann", "sub": "bob"}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"exp": NaN}',
        b'{"exp": Infinity}',
        b"[]",
        b"null",
        b'"text"',
        b"1",
        b"{",
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        b"[" * 6000,
        b'{"a":' + b"[" * 6000 + b"]" * 6000 + b"}",
        b'{"exp": ' + b"9" * 5000 + b"}",
    ],
)
def test_claims_have_one_reading(claims: bytes) -> None:
    assert refused(by_hand({"alg": "HS256"}, claims)) == "malformed"
    assert refused(by_hand(claims, {"exp": NOW})) == "malformed"


def test_mutations(request: pytest.FixtureRequest) -> None:
    """Whatever is changed in a token, it is refused."""
    chance = random.Random(7)
    for algorithm in ("HS256", "ES256", "RS256", "EdDSA"):
        found = verifier(key_of(algorithm))
        token = signed(CLAIMS, algorithm, kid="k")
        for _ in range(2500 if request.config.getoption("--long") else 250):
            changed = bytearray(token)
            for _ in range(chance.choice((1, 1, 1, 2, 5))):
                at = chance.randrange(len(changed))
                what = chance.randrange(4)
                if what == 0:
                    changed[at] = chance.randrange(256)
                elif what == 1:
                    changed[at] = chance.choice(b"ABCxyz019-_.=")
                elif what == 2:
                    del changed[at]
                else:
                    changed.insert(at, chance.choice(b"Aa0-_.=+/ "))
            if changed != token:
                with pytest.raises(TokenError):
                    found.verify(bytes(changed), NOW)
        assert found.verify(token, NOW).claims == CLAIMS


# --- claims


@pytest.mark.parametrize(
    ("claims", "cause"),
    [
        ({"exp": NOW + 0.5}, ""),
        ({"exp": NOW - 59.9}, ""),
        ({"exp": NOW - 60}, "expired"),
        ({"exp": 0}, "expired"),
        ({"exp": -1e15}, "expired"),
        ({"nbf": NOW + 60}, ""),
        ({"nbf": NOW + 60.5}, "early"),
        ({"iat": NOW + 61}, "early"),
        ({"iat": NOW - 1e8, "nbf": NOW - 5}, ""),
    ],
)
def test_dates(claims: dict[str, Any], cause: str) -> None:
    token = signed(claims)
    assert (refused(token) if cause else "") == cause
    if not cause:
        assert verifier().verify(token, NOW).claims == claims


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["1e400", "-1e400", "null", "true", "[]", "{}", '"1800000600"', "1" + "0" * 400])
def test_a_date_is_a_number(name: str, value: str) -> None:
    assert refused(by_hand({"alg": "HS256"}, f'{{"{name}": {value}}}'.encode())) == "malformed"


def test_a_token_has_an_end() -> None:
    assert verifier().verify(signed({}), NOW).until == float("inf")
    assert refused(signed({}), expires=True) == "claims"


@pytest.mark.parametrize(
    "value", [None, "", "https://issuer.test/", "HTTPS://issuer.test", 1, ["https://issuer.test"], {}]
)
def test_issuers(value: object) -> None:
    demands = {"issuers": frozenset(["https://issuer.test", "other"])}
    assert refused(by_hand({"alg": "HS256"}, {"iss": value}), **demands) == "issuer"
    assert refused(by_hand({"alg": "HS256"}, {}), **demands) == "issuer"
    assert verifier(**demands).verify(signed(CLAIMS), NOW).claims == CLAIMS


@pytest.mark.parametrize("value", [None, "", "ap", "API", [], ["x"], [["api"]], {"api": 1}, 1])
def test_audiences(value: object) -> None:
    demands = {"audiences": frozenset(["api"])}
    assert refused(by_hand({"alg": "HS256"}, {"aud": value}), **demands) == "audience"
    for right in ("api", ["x", "api"]):
        assert verifier(**demands).verify(signed({"aud": right}), NOW).claims["aud"] == right


def test_claims_that_must_be_there() -> None:
    assert refused(signed(CLAIMS), claims=("sub", "email")) == "claims"
    assert refused(signed(CLAIMS | {"email": None}), claims=("sub", "email")) == "claims"
    assert verifier(claims=("email",)).verify(signed({"email": ""}), NOW).claims == {"email": ""}


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, set()),
        ({"scope": "read write"}, {"read", "write"}),
        ({"scp": ["read", "write"]}, {"read", "write"}),
        ({"scp": "read", "scope": ["write", 1, None]}, {"read", "write"}),
        ({"scope": {"read": 1}, "scp": 1}, set()),
        ({"scope": "READ readwrite"}, {"READ", "readwrite"}),
    ],
)
def test_scopes(claims: dict[str, Any], expected: set[str]) -> None:
    assert scopes(claims) == expected
    wanted = {"scopes": frozenset(["read"])}
    token = by_hand({"alg": "HS256"}, claims)
    if "read" in expected:
        assert verifier(**wanted).verify(token, NOW).claims == claims
    else:
        assert refused(token, **wanted) == "scope"


def test_the_first_thing_that_is_wrong_is_the_signature() -> None:
    token = by_hand({"alg": "HS256"}, b"no json", b"x" * 32)
    assert refused(token) == "signature"  # and nobody reads what a stranger has written


@pytest.mark.parametrize(
    ("jwk", "algorithm", "reason"),
    [
        ({"kty": "oct", "k": encoded(b"x" * 31).decode()}, "HS256", "32 bytes or more"),
        ({"kty": "oct", "k": encoded(b"x" * 32).decode()}, "HS256", ""),
        ({"kty": "oct", "k": encoded(b"x" * 32).decode()}, "HS512", "64 bytes or more"),
        ({"kty": "RSA"}, "HS256", "type oct"),
        ({"kty": "EC", "crv": "secp256k1"}, "ES256", "curve P-256"),
        ({"kty": "OKP", "crv": "X25519"}, "EdDSA", "curve Ed25519 or Ed448"),
        ({"kty": "RSA", "alg": "PS256"}, "RS256", "for PS256 only"),
    ],
)
def test_what_a_key_is_used_with(jwk: dict[str, Any], algorithm: str, reason: str) -> None:
    assert (reason in unfit(jwk, algorithm)) and bool(reason) == bool(unfit(jwk, algorithm))

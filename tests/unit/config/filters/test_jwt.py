"""``jwt`` in the file: what it gets, and what is wrong with it, told with its line and nothing of a secret."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from fastgw.core.settings import KeySetSettings, Url
from tests.support.tokens import private_pem, public_pem
from tests.unit.config.files import MINIMAL, problems, read

SECRET = "0123456789abcdef0123456789abcdef"
KEY = "key.pem"
URL = "url: 'https://issuer.test/k'"


def text(options: str) -> str:
    return MINIMAL + f"filters: {{auth: {{type: jwt, {options}}}}}\n"


GOOD = f"algorithms: HS256, keys: [{{secret: {SECRET}}}]"


def test_what_nobody_says(tmp_path: Path) -> None:
    options = dict(read(tmp_path, text(GOOD)).filters[0].options)
    ((kid, jwk, algorithms),) = options.pop("keys")
    assert (kid, json.loads(jwk)["kty"], algorithms) == ("", "oct", ("HS256",))
    assert options == {
        "key_sets": (),
        "algorithms": ("HS256",),
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


def test_keys_are_of_files_and_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / KEY).write_text(private_pem("RS256"))
    said = (
        f"algorithms: [RS256, HS256, ES256], keys: [{{file: {KEY}, kid: a}}, "
        '{secret: "${SECRET}"}, {key: "${PUBLIC}", kid: c}]'
    )
    environ = {"SECRET": SECRET, "PUBLIC": public_pem("ES256")}
    found = read(tmp_path, text(said), environ).filters[0]
    keys = dict(found.options)["keys"]
    assert [(kid, algorithms) for kid, _, algorithms in keys] == [
        ("a", ("RS256",)),
        ("", ("HS256",)),
        ("c", ("ES256",)),
    ]
    assert set(json.loads(keys[0][1])) == {"kty", "n", "e"}  # no worker gets what could sign


def test_a_changed_file_is_another_filter(tmp_path: Path) -> None:
    said = text(f"algorithms: RS256, keys: [{{file: {KEY}}}]")
    (tmp_path / KEY).write_text(public_pem("RS256"))
    before = read(tmp_path, said).filters
    assert read(tmp_path, said).filters == before
    (tmp_path / KEY).write_text(
        json.dumps({"keys": [json.loads(dict(before[0].options)["keys"][0][1]) | {"kid": "x"}]})
    )
    assert read(tmp_path, said).filters != before


def test_keys_that_are_fetched(tmp_path: Path) -> None:
    said = MINIMAL + (
        "filters:\n"
        f"  one: {{type: jwt, algorithms: ES256, keys: {{{URL}}}}}\n"
        f"  two: {{type: jwt, algorithms: [RS256, HS256], keys: [{{secret: {SECRET}}}, {{{URL}}}, {{{URL}}}]}}\n"
        f"  nobody: {{type: jwt, algorithms: ES256, keys: {{url: 'https://other.test/'}}}}\n"
    )
    said = said.replace("routes:", "routes:\n  - {path: /one, reply: {status: 200}, filters: [one, two]}", 1)
    found = read(tmp_path, said)
    settings = KeySetSettings(Url(True, "issuer.test", 443, "/k"), 300.0, 86400.0, 10.0)
    assert found.key_sets == (settings,)  # once for both, and not those that nobody uses
    assert [dict(one.options)["key_sets"] for one in found.filters[:2]] == [(settings,)] * 2
    assert [len(dict(one.options)["keys"]) for one in found.filters[:2]] == [0, 1]


def test_one_url_is_fetched_in_one_way(tmp_path: Path) -> None:
    said = MINIMAL + (
        "filters:\n"
        f"  one: {{type: jwt, algorithms: ES256, keys: {{{URL}}}}}\n"
        f"  two: {{type: jwt, algorithms: ES256, keys: {{{URL}, refresh: 1m}}}}\n"
        f"  bad: {{type: jwt, algorithms: ES256, keys: [{{{URL}, refresh: x}}, 7]}}\n"
    )
    found = problems(tmp_path, said)
    (told,) = [one for one in found if "filters.two" in one]
    assert "filters.two.keys: the same url has another refresh, stale, timeout or ca in filters.one" in told
    assert sum("filters.bad" in one for one in found) == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (GOOD, ""),
        (f"keys: [{{secret: {SECRET}}}]", "filters.auth.algorithms: is required"),
        ("algorithms: HS256", "filters.auth.keys: is required"),
        ("algorithms: HS256, keys: []", "filters.auth.keys: is empty; it needs at least one key"),
        ("algorithms: [], keys: [{secret: x}]", "filters.auth.algorithms: is empty"),
        (
            f"algorithms: [HS256, HS257], keys: [{{secret: {SECRET}}}]",
            "algorithms: the algorithm 'HS257' is not known; there",
        ),
        (f"algorithms: none, keys: [{{secret: {SECRET}}}]", "'none' is no signature, and never accepted"),
        (f"algorithms: nOnE, keys: [{{secret: {SECRET}}}]", "'nOnE' is no signature, and never accepted"),
        (
            "algorithms: HS256, keys: [{secret: hunter2}]",
            "filters.auth.keys[0].secret: is used with none of the algorithms: HS256 needs a secret of 32 bytes or more",
        ),
        (f"algorithms: HS512, keys: [{{secret: {SECRET}}}]", "HS512 needs a secret of 64 bytes or more"),
        (
            f"algorithms: RS256, keys: [{{secret: {SECRET}}}]",
            "keys[0].secret: is used with none of the algorithms: RS256",
        ),
        (
            f"algorithms: [HS256, RS256], keys: [{{secret: {SECRET}}}]",
            "filters.auth.algorithms: no key is used with RS256",
        ),
        (
            "algorithms: RS256, keys: [{file: ec.pem}]",
            "keys[0].file: {}/ec.pem is used with none of the algorithms: RS256",
        ),
        ("algorithms: RS256, keys: [{file: gone.pem}]", "keys[0].file: {}/gone.pem cannot be read: No such file"),
        (
            "algorithms: RS256, keys: [{file: bad.pem}]",
            "keys[0].file: {}/bad.pem is neither PEM, nor a JWK, nor a JWK Set",
        ),
        ("algorithms: HS256, keys: [{}]", "filters.auth.keys[0]: needs one of secret, key, file and url"),
        (
            f"algorithms: HS256, keys: [{{secret: {SECRET}, file: ec.pem}}]",
            "keys[0]: needs one of secret, key, file and url",
        ),
        (
            f"algorithms: HS256, keys: [{', '.join([f'{{secret: {SECRET}}}'] * 17)}]",
            "keys: has 17 keys, and 16 are the most",
        ),
        (
            GOOD + ", token_from: body",
            "token_from: expected authorization, header:NAME, cookie:NAME, query:NAME or subprotocol:NAME, got",
        ),
        (GOOD + ", token_from: 'header:content-length'", "token_from: 'content-length' belongs to one connection"),
        (GOOD + ", token_from: 'cookie:a b'", "token_from: expected the name of a cookie, got 'a b'"),
        (GOOD + ", token_from: 'query:'", "token_from: expected the name of a parameter, got ''"),
        (GOOD + ", headers: {host: sub}", "'host' cannot be changed"),
        (
            GOOD + ", headers: {x-user: ''}",
            "filters.auth.headers.x-user: expected the name of a claim, got an empty one",
        ),
        (GOOD + ", headers: {authorization: sub}", "filters.auth.headers: 'authorization' is where the token is"),
        (GOOD + ", token_from: 'header:x-a', headers: {x-a: sub}", "filters.auth.headers: 'x-a' is where the token is"),
        (GOOD + ", scopes: ['a b']", "scopes: expected a scope without spaces, quotes and backslashes, got 'a b'"),
        (GOOD + ", issuer: ['']", "issuer: expected an issuer, got an empty one"),
        (GOOD + ", realm: 'a\"b'", "realm: expected a realm of ASCII without quotes"),
        (GOOD + ", max_size: 1MiB", "max_size: expected a size from 256B to 64KiB, got '1MiB'"),
        (GOOD + ", cache: -1", "cache: expected a whole number from 0 to 1000000, got '-1'"),
        (GOOD + ", jwks: https://issuer.test", "filters.auth.jwks: unknown key"),
        ("algorithms: ES256, keys: {url: 'https://issuer.test/k'}", ""),
        ("algorithms: ES256, keys: [{url: 'https://issuer.test/k', refresh: 1s, stale: 1s}, {file: ec.pem}]", ""),
        (
            "algorithms: ES256, keys: {url: 'http://issuer.test/k'}",
            "filters.auth.keys.url: http leads to this host only",
        ),
        ("algorithms: ES256, keys: [{url: x}]", "filters.auth.keys[0].url: expected a URL"),
        (
            "algorithms: ES256, keys: {ulr: 'https://a.test/'}",
            "filters.auth.keys.ulr: unknown key; did you mean 'url'?",
        ),
        (
            f"algorithms: ES256, keys: {{{URL}, file: ec.pem}}",
            "filters.auth.keys: needs one of secret, key, file and url",
        ),
        (f"algorithms: ES256, keys: {{{URL}, kid: a}}", "keys.kid: the keys of a JWK Set have names of their own"),
        (f"algorithms: ES256, keys: {{{URL}, refresh: 900ms}}", "keys.refresh: expected at least 1s"),
        (f"algorithms: ES256, keys: {{{URL}, stale: 4m}}", "keys.stale: is shorter than refresh"),
        (f"algorithms: ES256, keys: {{{URL}, ca: gone.pem}}", "keys.ca: {}/gone.pem cannot be read"),
        (f"algorithms: [ES256, HS256], keys: {{{URL}}}", "filters.auth.algorithms: no key is used with HS256"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, options: str, expected: str) -> None:
    (tmp_path / "ec.pem").write_text(public_pem("ES256"))
    (tmp_path / "bad.pem").write_text("hunter2")
    found = problems(tmp_path, text(options))
    assert len(found) == bool(expected), found
    for one in found:
        assert one.startswith("7:") and expected.replace("{}", str(tmp_path)) in one
        assert SECRET not in one and "hunter2" not in one


def test_a_secret_of_the_environment_is_not_shown(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, text('algorithms: HS256, keys: [{key: "${SECRET}"}]'), {"SECRET": "hunter2"})
    assert "hunter2" not in found and "keys[0].key: is neither PEM" in found


@pytest.mark.parametrize("package", ["joserfc", "cryptography"])
def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    for name in [one for one in sys.modules if one.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    (found,) = problems(tmp_path, text(GOOD))
    assert f"filters.auth.type: needs the package {package}: pip install 'fastgw[jwt]'" in found

"""``oauth2_introspection`` in the file: what it gets, and what is wrong with it, told with its line and nothing of a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.core.settings import FilterSettings, Url
from tests.support.certificates import Authority
from tests.unit.config.files import MINIMAL, problems, read

GOOD = "url: 'https://auth.test/introspect'"
ASKED = f"{GOOD}, client_id: gateway, client_secret: hunter22"


def text(options: str) -> str:
    return MINIMAL + f"filters: {{auth: {{type: oauth2_introspection, {options}}}}}\n"


def test_what_nobody_says(tmp_path: Path) -> None:
    options = dict(read(tmp_path, text(GOOD)).filters[0].options)
    assert options == {
        "url": Url(True, "auth.test", 443, "/introspect"),
        "client_id": "",
        "client_secret": "",
        "timeout": 2.0,
        "connections": 16,
        "max_age": 60.0,
        "stale": 0.0,
        "refused_age": 10.0,
        "issuer": (),
        "audience": (),
        "required_claims": (),
        "scopes": (),
        "leeway": 60.0,
        "token_from": "authorization",
        "forward": False,
        "optional": False,
        "headers": (),
        "realm": "",
        "max_size": 8192,
        "cache": 4096,
    }


def test_the_secret_is_of_the_environment_or_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of a file\n")
    ca = Authority(tmp_path).ca
    said = f"{GOOD}, client_id: gateway, client_secret_file: secret, ca: ca.pem"
    options = dict(read(tmp_path, text(said)).filters[0].options)
    assert (options["client_secret"], options["url"].ca) == ("of a file", ca)
    said = f'{GOOD}, client_id: gateway, client_secret: "${{SECRET}}"'
    options = dict(read(tmp_path, text(said), {"SECRET": "of the environment"}).filters[0].options)
    assert options["client_secret"] == "of the environment"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (ASKED, ""),
        ("scopes: read", "filters.auth.url: is required"),
        ("url: 'http://auth.test/'", "filters.auth.url: http leads to this host only"),
        ("url: 'http://[::1]:8080/'", ""),
        (f"{GOOD}, ca: gone.pem", "filters.auth.ca: {}/gone.pem cannot be read"),
        (f"{GOOD}, client_id: gateway", "filters.auth: needs client_secret or client_secret_file, too"),
        (f"{GOOD}, client_secret: hunter22", "filters.auth: needs client_id, too"),
        (f"{ASKED}, client_secret_file: x", "filters.auth: needs one of client_secret and client_secret_file"),
        (f"{GOOD}, client_id: g, client_secret_file: gone", "filters.auth.client_secret_file: {}/gone cannot be read"),
        (f"{GOOD}, client_id: g, client_secret_file: two", "client_secret_file: {}/two is not one line of text"),
        (f"{GOOD}, client_id: g, client_secret_file: bad", "client_secret_file: {}/bad is not one line of text"),
        (f"{GOOD}, client_id: g, client_secret: ''", "client_secret: is empty"),
        (f"{GOOD}, timeout: 0", "timeout: expected a duration of at least 1ms"),
        (f"{GOOD}, connections: 0", "connections: expected a whole number from 1 to 1024"),
        (f"{GOOD}, headers: {{authorization: sub}}", "'authorization' is where the token is"),
        (f"{GOOD}, algorithms: RS256", "filters.auth.algorithms: unknown key"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(options: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "two").write_text("hunter22\nhunter23")
    (tmp_path / "bad").write_bytes(b"hunter22\xff")
    said = text(options).replace("routes:", "routes:\n  - {path: /t, reply: {status: 200}, filters: [auth]}")
    found = problems(tmp_path, said)
    assert len(found) == bool(expected), found
    assert not expected or expected.replace("{}", str(tmp_path), 1).replace("{{", "{") in found[0]
    assert "hunter" not in " ".join(found)


def test_the_end_of_a_call_comes_before_that_of_the_wait(tmp_path: Path) -> None:
    (found,) = [one for one in read(tmp_path, text(f"{GOOD}, timeout: 5s, on_failure: open")).filters if one.options]
    assert dict(found.options)["timeout"] == 5.0 and found.settings == FilterSettings("open", 6.0)


def test_who_remembers_nobody_believes_nobody_for_longer(tmp_path: Path) -> None:
    assert problems(tmp_path, text(f"{GOOD}, stale: 1h, cache: 0")) == [
        "7:90: filters.auth.stale: needs a cache: with cache: 0 no token is known"
    ]

"""``ext_authz`` in the file: what it gets, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.core.settings import FilterSettings, Url
from tests.support.certificates import Authority
from tests.unit.config.files import MINIMAL, problems, read

GOOD = "url: 'https://authz.test/check'"


def text(options: str) -> str:
    return MINIMAL + f"filters: {{authz: {{type: ext_authz, {options}}}}}\n"


def test_what_nobody_says(tmp_path: Path) -> None:
    assert dict(read(tmp_path, text(GOOD)).filters[0].options) == {
        "url": Url(True, "authz.test", 443, "/check"),
        "method": "GET",
        "send": ("authorization", "cookie"),
        "take": (),
        "tell": ("www-authenticate", "location", "set-cookie", "cache-control", "retry-after"),
        "timeout": 2.0,
        "connections": 32,
        "max_answer": 65536,
    }


def test_who_it_is_trusted_by(tmp_path: Path) -> None:
    ca = Authority(tmp_path).ca
    assert dict(read(tmp_path, text(f"{GOOD}, ca: ca.pem")).filters[0].options)["url"].ca == ca


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (f"{GOOD}, take: [X-User], tell: [], send: [x-key]", ""),
        ("send: [x-key]", "filters.authz.url: is required"),
        ("url: 'http://authz.test/'", "filters.authz.url: http leads to this host only"),
        (f"{GOOD}, ca: gone.pem", "filters.authz.ca: {}/gone.pem cannot be read"),
        (f"{GOOD}, method: PATCH", "method: expected GET or POST, got 'PATCH'"),
        (f"{GOOD}, send: [x-forwarded-uri]", "send[0]: 'x-forwarded-uri' is what the gateway itself says"),
        (f"{GOOD}, send: [content-length]", "send[0]: 'content-length' is what the gateway itself says"),
        (f"{GOOD}, send: [host]", "send[0]: 'host' is what the gateway itself says"),
        (f"{GOOD}, send: ['a b']", "send[0]: expected the name of a header field"),
        (f"{GOOD}, take: [host]", "take[0]: 'host' cannot be changed"),
        (f"{GOOD}, tell: [connection]", "tell[0]: 'connection' cannot be changed"),
        (f"{GOOD}, timeout: 0", "timeout: expected a duration of at least 1ms"),
        (f"{GOOD}, max_answer: 2MiB", "max_answer: expected a size from 0B to 1MiB"),
        (f"{GOOD}, urls: x", "filters.authz.urls: unknown key; did you mean 'url'?"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(options: str, expected: str, tmp_path: Path) -> None:
    said = text(options).replace("routes:", "routes:\n  - {path: /t, reply: {status: 200}, filters: [authz]}")
    found = problems(tmp_path, said)
    assert len(found) == bool(expected), found
    assert not expected or expected.replace("{}", str(tmp_path), 1) in found[0]


def test_the_end_of_a_call_comes_before_that_of_the_wait(tmp_path: Path) -> None:
    (found,) = [one for one in read(tmp_path, text(f"{GOOD}, timeout: 5s, on_failure: open")).filters if one.options]
    assert dict(found.options)["timeout"] == 5.0 and found.settings == FilterSettings("open", 6.0)

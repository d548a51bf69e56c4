"""URLs that the gateway itself asks: https, or http on this host, and nothing else."""

from __future__ import annotations

import pytest

from fastgw.config.urls import url
from fastgw.core.settings import Url


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://issuer.example/.well-known/jwks.json", (True, "issuer.example", 443, "/.well-known/jwks.json")),
        ("HTTPS://Issuer.Example:8443", (True, "issuer.example", 8443, "/")),
        ("https://a.test?p=x", (True, "a.test", 443, "/?p=x")),
        ("https://[2001:DB8::1]/k", (True, "2001:db8::1", 443, "/k")),
        ("http://127.0.0.1:8080/k", (False, "127.0.0.1", 8080, "/k")),
        ("http://127.9.9.9/", (False, "127.9.9.9", 80, "/")),
        ("http://[::1]:1/", (False, "::1", 1, "/")),
        ("http://localhost/", (False, "localhost", 80, "/")),
    ],
)
def test_what_is_one(text: str, found: tuple[bool, str, int, str]) -> None:
    assert url(text) == Url(*found)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http://issuer.example/", "another"),
        ("http://10.0.0.1/", "another"),
        ("http://127.0.0.1.evil.test/", "another"),
        ("http://localhost.evil.test/", "another"),
        ("http://[::ffff:10.0.0.1]/", "another"),
        ("http://2130706433/", "IPv4 address"),
        ("file:///etc/passwd", "expected a"),
        ("ftp://a.test/", "'ftp'"),
        ("https://", "host name"),
        ("https:///k", "host name"),
        ("issuer.example/keys", "expected a URL"),
        ("https://user:secret@a.test/", "without user"),
        ("https://a.test/#x", "fragment"),
        ("https://a.test\\@b.test/", "without user"),
        ("https://a.test/a b", "escaped"),
        ("https://a.test/\r\nhost: b", "escaped"),
        ("https://a.test/\u00e9", "escaped"),
        ("https://a.test:0/", "port"),
        ("https://a.test:65536/", "port"),
        ("https://a.test:99999999999/", "expected a URL"),
        ("https://[::1/", "expected a URL"),
        ("https://[x]/", "IPv6"),
        ("https://a.test/" + "a" * 2000, "expected a URL"),
        (["https://a.test/"], "a list"),
    ],
)
def test_what_is_none(text: object, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        url(text)
    assert "secret" not in str(caught.value)

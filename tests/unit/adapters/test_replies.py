"""Fixed answers and redirects."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fastgw.adapters.replies import redirect_service, reply_service
from fastgw.core.settings import RedirectSettings, ReplySettings
from fastgw.routing.pattern import parse_path
from fastgw.testing.edge import Edge, body_of, head_of, statuses
from tests.unit.adapters.stage import ask, own


def reply(status: int = 200, body: bytes = b"{}", *headers: tuple[str, str], **options: Any) -> Edge:
    return own(reply_service(ReplySettings(status, body, "application/json", headers)), **options)


class Literal:
    """A template without variables."""

    def __init__(self, parts: tuple[bytes | str, ...]) -> None:
        (self._text,) = parts

    def fill(self, exchange: Any) -> bytes:
        assert isinstance(self._text, bytes)
        return self._text


def redirect(to: bytes, path: str = "/*", status: int = 308, *, takes_rest: bool = False, **options: Any) -> Edge:
    settings = RedirectSettings(status, (to,), takes_rest)
    return own(redirect_service(settings, parse_path(path), Literal), path=path, **options)


def location(data: bytes) -> bytes:
    return re.findall(rb"location: ([^\r]*)\r\n", data)[0]


def test_what_is_written_is_answered() -> None:
    edge = reply(201, b'{"stock":0}', ("x-a", "1"), ("x-b", "ä"))
    data = ask(edge, "/", "POST", body=b"whatever")
    assert statuses(data) == [201] and body_of(data) == b'{"stock":0}'
    head = head_of(data)
    assert b"content-type: application/json\r\n" in head and b"x-a: 1\r\nx-b: \xc3\xa4\r\n" in head
    assert b"etag" not in head  # of an answer that is not 200 a tag would say nothing
    edge.end()


def test_nothing_may_be_answered() -> None:
    edge = reply(204, b"")
    data = ask(edge)
    assert statuses(data) == [204] and b"content-" not in head_of(data)
    edge.end()


def test_whoever_has_it_gets_304() -> None:
    edge = reply()
    head = head_of(ask(edge))
    tag = re.findall(rb'etag: ("[0-9a-f]{32}")\r\n', head)[0].decode()
    data = ask(edge, "/", "GET", f"If-None-Match: {tag}")
    assert statuses(data) == [304] and body_of(data) == b"" and b"content-" not in head_of(data)
    assert tag.encode() in data
    assert statuses(ask(edge, "/", "GET", 'If-None-Match: "x"')) == [200]
    assert statuses(ask(edge, "/", "PUT", 'If-Match: "x"', body=b"1")) == [412]
    edge.end()


def test_a_tag_of_the_configuration_stands_alone() -> None:
    edge = reply(200, b"{}", ("etag", '"mine"'))
    data = ask(edge, "/", "GET", 'If-None-Match: "mine"')
    assert statuses(data) == [200] and data.count(b"etag") == 1
    edge.end()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_has_a_location(status: int) -> None:
    edge = redirect(b"https://other.example/x", status=status)
    data = ask(edge, "/a")
    assert statuses(data) == [status] and location(data) == b"https://other.example/x"
    assert b"content-length: 0\r\n" in head_of(data)
    edge.end()


@pytest.mark.parametrize(
    ("path", "to", "asked", "where"),
    [
        ("/old/*", b"/new/", "/old/a/b?q=1", b"/new/a/b?q=1"),
        ("/old/*", b"/new/", "/old/", b"/new/"),
        ("/old/*", b"/", "/old//evil.example/", b"/evil.example/"),
        ("/*", b"/", "///evil.example", b"/evil.example"),
        ("/*", b"/", "/%5Cevil.example", b"/%5Cevil.example"),
        ("/*", b"https://a.example/", "//evil.example/%0d%0ax:y", b"https://a.example//evil.example/%0D%0Ax:y"),
    ],
)
def test_what_the_star_took_goes_along(path: str, to: bytes, asked: str, where: bytes) -> None:
    edge = redirect(to, path, takes_rest=True)
    assert location(ask(edge, asked)) == where
    edge.end()


def test_without_a_host_there_is_nothing_to_lead_to() -> None:
    edge = redirect(b"https:///x")
    assert statuses(ask(edge)) == [400]
    edge.end()

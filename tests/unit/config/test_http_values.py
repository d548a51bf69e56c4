"""What a scalar may say of a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.config import http_values
from tests.unit.config.values_stage import Parse, anything, beginnings, is_hidden, parsers, said_of

GOOD: list[tuple[Parse, object, object]] = [
    (http_values.route_host, "", ""),
    (http_values.route_host, "*.Edge.Example", "*.edge.example"),
    (http_values.route_path, "/v1/{model}/*", "/v1/{model}/*"),
    (http_values.method, "POST", "POST"),
    (http_values.method, "BREW", "BREW"),
    (http_values.method, "m!x", "m!x"),
    (http_values.field_name, "X-Canary", "x-canary"),
    (http_values.field_value, " 1 ", "1"),
    (http_values.sticky, "header:X-User", "header:x-user"),
    (http_values.sticky, "cookie:SID", "cookie:SID"),
    (http_values.sticky, "", ""),
    (http_values.upgrade, "WebSocket", "websocket"),
    (http_values.upgrade, "SPDY/3.1", "spdy/3.1"),
    (http_values.droppable_field, "X-Internal", "x-internal"),
]

BAD: list[tuple[Parse, object, str]] = [
    (http_values.route_host, "a:80", "the host 'a:80' is more than a name"),
    (http_values.route_host, "*", "leave it out to match any host"),
    (http_values.route_path, "v1", "the path 'v1' has no leading slash"),
    (http_values.route_path, "/a/*/b", "has a '*' that is not last"),
    (http_values.route_path, "/a?b", "contains '?'"),
    (http_values.method, "get", "'get' is not a method in capitals; did you mean 'GET'?"),
    (http_values.method, "CONNECT", "'CONNECT' never passes the gateway"),
    (http_values.method, "A B", "'A B' is not a method: 1 to 64 letters, digits or"),
    (http_values.upgrade, "a b", "expected a protocol such as websocket, got 'a b'"),
    (http_values.upgrade, "spdy/", "expected a protocol such as websocket, got 'spdy/'"),
    (http_values.upgrade, "HTTP/2.0", "would hide requests from the gateway"),
    (http_values.upgrade, "TLS/1.0", "would hide requests from the gateway"),
    (http_values.field_name, "a b", "expected the name of a header field, got 'a b'"),
    (http_values.field_value, None, 'expected a value, or "*" (with quotes) for any value'),
    (http_values.field_value, " ", 'expected a value, or "*" (with quotes) for any value'),
    (http_values.field_value, "a\rb", "expected the value of a header field, got 'a\\rb'"),
    (http_values.sticky, "ip", "expected header:<name> or cookie:<name>, got 'ip'"),
    (http_values.upgrade, "h2c", "would hide requests from the gateway"),
    (http_values.upgrade, "a/b/c", "expected a protocol such as websocket"),
    (http_values.droppable_field, "Host", "'host' belongs to the message itself and cannot be dropped"),
]


@pytest.mark.parametrize(("parse", "given_value", "expected"), GOOD)
def test_good_values(parse: Parse, given_value: object, expected: object) -> None:
    found = parse(given_value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(("parse", "given_value", "message"), BAD)
def test_bad_values_say_what_is_wrong(parse: Parse, given_value: object, message: str) -> None:
    assert message in said_of(parse, given_value)


@given(parsers(*GOOD, *BAD), anything)
def test_any_value_is_read_or_refused(parse: Parse, value: object) -> None:
    assert said_of(parse, value).isprintable()


@given(parsers(*GOOD, *BAD), beginnings, st.text(max_size=20))
def test_what_came_from_the_environment_is_not_shown(parse: Parse, start: str, end: str) -> None:
    assert is_hidden(parse, start, end)

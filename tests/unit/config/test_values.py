"""What a scalar may say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.config import values
from fastgw.core.settings import Address

Parse = Callable[[object], Any]
listen: Parse = lambda value: values.address(value, listen=True)  # noqa: E731
connect: Parse = lambda value: values.address(value, listen=False)  # noqa: E731

GOOD: list[tuple[Parse, object, object]] = [
    (values.duration(), "30s", 30.0),
    (values.duration(least=5), "5s", 5.0),
    (values.duration(least=5), "0", 0.0),
    (values.duration(), "800ms", 0.8),
    (values.duration(), "1h30m", 5400.0),
    (values.duration(), "1.5", 1.5),
    (values.duration(), 2, 2.0),
    (values.duration(), "0", 0.0),
    (values.size(), "32KiB", 32768),
    (values.size(), "10MB", 10_000_000),
    (values.size(), "1.5KiB", 1536),
    (values.size(), "10 mb", 10_000_000),
    (values.size(), "17", 17),
    (values.size(), 17, 17),
    (values.whole(1, 9), "7", 7),
    (values.boolean, "true", True),
    (values.boolean, "False", False),
    (values.boolean, True, True),
    (values.workers, "auto", 0),
    (values.workers, "8", 8),
    (values.name, "a.b-c_9", "a.b-c_9"),
    (listen, "0.0.0.0:8080", Address("0.0.0.0", 8080)),
    (listen, "[::0:1]:0", Address("::1", 0)),
    (listen, "LOCALHOST:80", Address("localhost", 80)),
    (connect, "unix:/run/x.sock", Address(path="/run/x.sock")),
    (connect, "svc_1.internal:443", Address("svc_1.internal", 443)),
    (values.mode, "0660", 0o660),
    (values.mode, "600", 0o600),
    (values.mode, "0o777", 0o777),
    (values.owner, "root", (0, -1)),
    (values.owner, "root:root", (0, 0)),
    (values.owner, ":4321", (-1, 4321)),
    (values.owner, 1234, (1234, -1)),
    (values.name_server, "10.0.0.53", "10.0.0.53:53"),
    (values.name_server, "::1", "[::1]:53"),
    (values.name_server, "[::1]:5353", "[::1]:5353"),
    (values.name_server, "127.0.0.1:5353", "127.0.0.1:5353"),
    (values.route_host, "", ""),
    (values.route_host, "*.Edge.Example", "*.edge.example"),
    (values.route_path, "/v1/{model}/*", "/v1/{model}/*"),
    (values.service_host, "preserve", "preserve"),
    (values.service_host, "Api.example:8443", "api.example:8443"),
    (values.service_host, "api.example", "api.example"),
    (values.method, "POST", "POST"),
    (values.method, "BREW", "BREW"),
    (values.method, "m!x", "m!x"),
    (values.field_name, "X-Canary", "x-canary"),
    (values.field_value, " 1 ", "1"),
    (values.sticky, "header:X-User", "header:x-user"),
    (values.sticky, "cookie:SID", "cookie:SID"),
    (values.sticky, "", ""),
    (values.network, "10.0.0.0/8", "10.0.0.0/8"),
    (values.network, "::1", "::1/128"),
    (values.upgrade, "WebSocket", "websocket"),
    (values.upgrade, "SPDY/3.1", "spdy/3.1"),
    (values.droppable_field, "X-Internal", "x-internal"),
]


@pytest.mark.parametrize(("parse", "given_value", "expected"), GOOD)
def test_good_values(parse: Parse, given_value: object, expected: object) -> None:
    found = parse(given_value)
    assert found == expected
    assert type(found) is type(expected)


BAD: list[tuple[Parse, object, str]] = [
    (values.duration(least=5), "4999ms", "expected 0, which switches it off, or at least 5s, got '4999ms'"),
    (values.mode, "0888", "expected permissions in octal, such as 0660, got '0888'"),
    (values.mode, "rw-rw----", "expected permissions in octal"),
    (values.mode, "04755", "expected permissions in octal"),
    (values.owner, ":", "expected user, user:group or :group"),
    (values.owner, "nobody-of-this-name", "this host has no user 'nobody-of-this-name'"),
    (values.owner, "root:no-such-group", "this host has no group 'no-such-group'"),
    (values.name_server, "ns.test:53", "cannot be asked for its own name"),
    (values.name_server, "unix:/run/ns", "cannot be asked for its own name"),
    (values.name_server, "10.0.0", "the port is missing"),
    (values.duration(), "10 parsecs", "expected a duration such as 800ms, 30s, 5m or 1h30m"),
    (values.duration(), "-1s", "expected a duration"),
    (values.duration(), "nan", "expected a duration"),
    (values.duration(), "\u0663s", "expected a duration"),  # a digit, but not one of ours
    (values.duration(), "9999d", "expected a duration of a year at most, got '9999d'"),
    (values.duration(), ["1s"], "expected a duration such as 30s or 800ms, got a list"),
    (values.duration(positive=True), "0", "expected a duration of at least 1ms, got '0'"),
    (values.size(), "32K", "expected a size such as 32KiB or 10MB (units B, KB, MB, GB, TB of 1000 and KiB"),
    (values.size(), "0.3B", "expected a whole number of bytes, got '0.3B'"),
    (values.size(1024, 1 << 20), "1", "expected a size from 1KiB to 1MiB, got '1'"),
    (values.size(), {}, "expected a size such as 32KiB, got a mapping"),
    (values.whole(1, 9), "10", "expected a whole number from 1 to 9, got '10'"),
    (values.whole(1, 9), "1.0", "expected a whole number, got '1.0'"),
    (values.whole(1, 9), "9" * 5000, "expected a whole number, got '9999"),
    (values.boolean, "yes", "expected true or false, got 'yes'; did you mean 'true'?"),
    (values.boolean, "nope", "expected true or false, got 'nope'"),
    (values.workers, "0", "expected auto or a whole number from 1 to 1024, got '0'"),
    (values.name, "a b", "expected a name of letters, digits, '_', '.' and '-', got 'a b'"),
    (values.name, None, "expected a name, got nothing"),
    (values.one_of("one", "two"), "too", "expected one or two, got 'too'; did you mean 'two'?"),
    (values.text("a path"), "a\nb", "expected a path without control characters, got 'a\\nb'"),
    (listen, "8080", "got '8080': the host is missing, 0.0.0.0 means all of IPv4"),
    (listen, "a", "got 'a': the port is missing"),
    (listen, ":8080", "got ':8080': the host is missing, 0.0.0.0 means all of IPv4"),
    (listen, "http://a:1", "got a URL 'http://a:1': leave out the scheme"),
    (listen, "::1:80", "got '::1:80': an IPv6 address needs brackets"),
    (listen, "[::g]:80", "expected an IPv6 address in the brackets, got '[::g]:80'"),
    (listen, "a:65536", "the port is a number from 0 to 65535"),
    (listen, "unix:", "expected unix:/path/of/a/socket, got 'unix:'"),
    (listen, "unix:/" + "x" * 107, "the path of a unix socket has at most 107 bytes"),
    (connect, "a:0", "the port is a number from 1 to 65535"),
    (connect, "https://a:1", "leave out the scheme (tls: is a key)"),
    (connect, "256.0.0.1:1", "expected an IPv4 address or a host name, got '256.0.0.1:1'"),
    (connect, "-a:1", "expected a host name, got '-a:1'"),
    (connect, "\u00fc.example:1", "write the name in its xn-- form"),
    (values.route_host, "a:80", "the host 'a:80' is more than a name"),
    (values.route_host, "*", "leave it out to match any host"),
    (values.route_path, "v1", "the path 'v1' has no leading slash"),
    (values.route_path, "/a/*/b", "has a '*' that is not last"),
    (values.route_path, "/a?b", "contains '?'"),
    (values.method, "get", "'get' is not a method in capitals; did you mean 'GET'?"),
    (values.method, "CONNECT", "'CONNECT' never passes the gateway"),
    (values.method, "A B", "'A B' is not a method: 1 to 64 letters, digits or"),
    (values.upgrade, "a b", "expected a protocol such as websocket, got 'a b'"),
    (values.upgrade, "spdy/", "expected a protocol such as websocket, got 'spdy/'"),
    (values.upgrade, "HTTP/2.0", "would hide requests from the gateway"),
    (values.upgrade, "TLS/1.0", "would hide requests from the gateway"),
    (values.field_name, "a b", "expected the name of a header field, got 'a b'"),
    (values.field_value, None, 'expected a value, or "*" (with quotes) for any value'),
    (values.field_value, " ", 'expected a value, or "*" (with quotes) for any value'),
    (values.field_value, "a\rb", "expected the value of a header field, got 'a\\rb'"),
    (values.sticky, "ip", "expected header:<name> or cookie:<name>, got 'ip'"),
    (values.network, "10.0.0.1/8", "got '10.0.0.1/8'; did you mean '10.0.0.0/8'?"),
    (values.network, "ten", "expected a network such as 10.0.0.0/8 or one address, got 'ten'"),
    (values.upgrade, "h2c", "would hide requests from the gateway"),
    (values.upgrade, "a/b/c", "expected a protocol such as websocket"),
    (values.droppable_field, "Host", "'host' belongs to the message itself and cannot be dropped"),
]


@pytest.mark.parametrize(("parse", "given_value", "message"), BAD)
def test_bad_values_say_what_is_wrong(parse: Parse, given_value: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(given_value)
    assert message in str(caught.value)


PARSERS = list({id(parse): parse for parse, _, _ in [*GOOD, *BAD]}.values())
anything = st.one_of(st.none(), st.text(), st.booleans(), st.integers(), st.floats(), st.just([]), st.just({}))


def said_of(parse: Parse, value: object) -> str:
    """What is wrong with ``value``, or nothing; any other exception is a bug."""
    try:
        parse(value)
    except ValueError as error:
        return str(error)
    return ""


@given(st.sampled_from(PARSERS), anything)
def test_any_value_is_read_or_refused(parse: Parse, value: object) -> None:
    assert said_of(parse, value).isprintable()


@given(st.sampled_from(PARSERS), st.sampled_from(["", "/", "/{", "1", "unix:"]), st.text(max_size=20))
def test_what_came_from_the_environment_is_not_shown(parse: Parse, start: str, end: str) -> None:
    value = values.Expanded(f"{start}hunter2{end}", "${PASSWORD}")
    assert "hunter2" not in said_of(parse, value)


def test_long_values_are_cut() -> None:
    assert values.shown("x" * 500) == repr("x" * 57 + "...")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-12", -12),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("false", False),
        ("9" * 30, int("9" * 30)),
    ],
)
def test_what_json_takes_for_a_value(text: str, value: object) -> None:
    assert values.Plain.of(text) == value and type(values.Plain.of(text)) is type(value)


@pytest.mark.parametrize("text", ["", "007", "+1", ".5", "1.", "1_000", "0x10", "True", "yes", "nan", "9" * 2000])
def test_what_json_takes_for_no_value(text: str) -> None:
    assert values.Plain.of(text) is None


def test_names_of_files() -> None:
    assert values.file_name("index.html") == "index.html" and values.file_name("") == ""
    for wrong in ("a/b", ".hidden", "..", "a\0b", "x" * 256):
        with pytest.raises(ValueError):
            values.file_name(wrong)

"""What a scalar may say of a place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.config import address_values
from fastgw.core.settings import Address
from tests.unit.config.values_stage import Parse, anything, beginnings, is_hidden, parsers, said_of

listen: Parse = lambda value: address_values.address(value, listen=True)  # noqa: E731
connect: Parse = lambda value: address_values.address(value, listen=False)  # noqa: E731

GOOD: list[tuple[Parse, object, object]] = [
    (listen, "0.0.0.0:8080", Address("0.0.0.0", 8080)),
    (listen, "[::0:1]:0", Address("::1", 0)),
    (listen, "LOCALHOST:80", Address("localhost", 80)),
    (connect, "unix:/run/x.sock", Address(path="/run/x.sock")),
    (connect, "svc_1.internal:443", Address("svc_1.internal", 443)),
    (address_values.mode, "0660", 0o660),
    (address_values.mode, "600", 0o600),
    (address_values.mode, "0o777", 0o777),
    (address_values.owner, "root", (0, -1)),
    (address_values.owner, "root:root", (0, 0)),
    (address_values.owner, ":4321", (-1, 4321)),
    (address_values.owner, 1234, (1234, -1)),
    (address_values.name_server, "10.0.0.53", "10.0.0.53:53"),
    (address_values.name_server, "::1", "[::1]:53"),
    (address_values.name_server, "[::1]:5353", "[::1]:5353"),
    (address_values.name_server, "127.0.0.1:5353", "127.0.0.1:5353"),
    (address_values.service_host, "preserve", "preserve"),
    (address_values.service_host, "Api.example:8443", "api.example:8443"),
    (address_values.service_host, "api.example", "api.example"),
    (address_values.network, "10.0.0.0/8", "10.0.0.0/8"),
    (address_values.network, "::1", "::1/128"),
]

BAD: list[tuple[Parse, object, str]] = [
    (address_values.mode, "0888", "expected permissions in octal, such as 0660, got '0888'"),
    (address_values.mode, "rw-rw----", "expected permissions in octal"),
    (address_values.mode, "04755", "expected permissions in octal"),
    (address_values.owner, ":", "expected user, user:group or :group"),
    (address_values.owner, "nobody-of-this-name", "this host has no user 'nobody-of-this-name'"),
    (address_values.owner, "root:no-such-group", "this host has no group 'no-such-group'"),
    (address_values.name_server, "ns.test:53", "cannot be asked for its own name"),
    (address_values.name_server, "unix:/run/ns", "cannot be asked for its own name"),
    (address_values.name_server, "10.0.0", "the port is missing"),
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
    (address_values.network, "10.0.0.1/8", "got '10.0.0.1/8'; did you mean '10.0.0.0/8'?"),
    (address_values.network, "ten", "expected a network such as 10.0.0.0/8 or one address, got 'ten'"),
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

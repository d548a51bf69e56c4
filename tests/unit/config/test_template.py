"""Values with variables: text in, parts out."""

from __future__ import annotations

import pytest

from fastgw.config.environment import Environment
from fastgw.config.template import LONGEST, template, templates

ENVIRON = {"TOKEN": "s3cret-${client.address}", "EMPTY": ""}


def parse(text: str, *, is_answer: bool = False) -> object:
    if "${" not in text:
        return template(is_answer=is_answer)(text)
    value, problems = Environment(ENVIRON).expand(text)
    assert not problems
    return template(is_answer=is_answer)(value)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain", (b"plain",)),
        (" plain ", (b"plain",)),
        ("${client.address}", ("client.address",)),
        ("a ${request.id}, ${header.X-Foo} b", (b"a ", "request.id", b", ", "header.X-Foo", b" b")),
        ("${TOKEN}", (b"s3cret-${client.address}",)),  # what the environment held is text
        ("$${client.address}", (b"${client.address}",)),
        ("${NONE:-${route.name}}x", ("route.name", b"x")),
        ("${NONE:-none}", (b"none",)),
        ("${note.claims.sub}${cookie.sid}${query.q}", ("note.claims.sub", "cookie.sid", "query.q")),
        ("héllo", ("héllo".encode(),)),
    ],
)
def test_parts(text: str, parts: tuple[bytes | str, ...]) -> None:
    assert parse(text) == parts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${client.adress}", "${client.adress} is no variable; did you mean ${client.address}?"),
        ("${remote.addr}", "${remote.addr} is no variable; known are client.address, "),
        ("${response.status}", "${response.status} is not known before there is an answer"),
        ("${service.name}", "is not known before there is an answer"),
        ("${response.header.x}", "is not known before there is an answer"),
        ("${header.a:-b}", "${header.a:-b} is not the name of a header field"),
        ("${header.connection}", "belongs to one connection"),
        ("${header.content_length}", "belongs to one connection"),
        ("${cookie.a=b}", "is not the name of a cookie"),
        ("${query.a&b}", "is not the name of a parameter"),
        ("${note.a..b}", "is not the name of a note"),
        ("", "is empty"),
        ("  ", "is empty"),
        ("${EMPTY}", "is empty"),
        ("a\x07", "without control characters"),
        ("a\r\nb", "without control characters"),
        ("${request.id}" * 33, "more than 32 variables"),
        ("x" * (LONGEST + 1), "at most 4096 characters"),
    ],
)
def test_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert said in str(caught.value)


def test_more_is_known_of_an_answer() -> None:
    text = "${response.status} ${service.name} ${response.header.server}"
    assert parse(text, is_answer=True) == ("response.status", b" ", "service.name", b" ", "response.header.server")
    with pytest.raises(ValueError, match="did you mean"):
        parse("${response.state}", is_answer=True)
    with pytest.raises(ValueError, match="belongs to one connection"):
        parse("${response.header.transfer-encoding}", is_answer=True)


@pytest.mark.parametrize("value", [None, [], {}, True])
def test_a_value_is_a_scalar(value: object) -> None:
    with pytest.raises(ValueError, match="expected a value"):
        template(is_answer=False)(value)


def test_a_list_of_values() -> None:
    several = templates(is_answer=False)
    assert several("a") == ((b"a",),)
    assert several(["a", "b"]) == ((b"a",), (b"b",))
    with pytest.raises(ValueError, match="at least one"):
        several([])
    with pytest.raises(ValueError, match="expected a value, got a list"):
        several([["a"]])

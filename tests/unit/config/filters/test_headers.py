"""``headers`` in the file: what it says, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.load import inspect
from tests.unit.config.files import MINIMAL, problems, read


def text(options: str) -> str:
    return MINIMAL + "filters:\n  h:\n    type: headers\n" + "".join(f"    {line}\n" for line in options.splitlines())


def test_what_the_filter_gets(tmp_path: Path) -> None:
    options = """\
request:
  set: {X-Real-IP: "${client.address}", x-env: "${ENV_NAME:-dev}"}
  add: {x-tag: [a, "b ${route.name}"], X-One: 1}
  remove: [X-Internal]
response: {set: {x-status: "${response.status}"}}
"""
    (found,) = (one for one in read(tmp_path, text(options)).filters if one.name == "h")
    assert found.made_by == "fastgw.filters.headers:Headers"
    given = dict(found.options)
    assert given["request"] == (
        ("set", (("x-real-ip", ("client.address",)), ("x-env", (b"dev",)))),
        ("add", (("x-tag", ((b"a",), (b"b ", "route.name"))), ("x-one", ((b"1",),)))),
        ("remove", ("x-internal",)),
    )
    assert given["response"] == (("set", (("x-status", ("response.status",)),)), ("add", ()), ("remove", ()))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("request: {remove: [x-a]}", []),
        ("response: {remove: [server]}", []),
        ("", ["8:3: filters.h: changes nothing: give it request or response"]),
        ("request: {}", ["8:3: filters.h: changes nothing: give it request or response"]),
        (
            "request: {set: {Content-Length: 1}}",
            [
                "10:21: filters.h.request.set.Content-Length: 'content-length' cannot be changed: it frames the message or"
            ],
        ),
        ("request: {set: {content_length: 1}}", ["'content_length' cannot be changed: it frames"]),
        ("request: {add: {Transfer-Encoding: chunked}}", ["'transfer-encoding' cannot be changed: it frames"]),
        ("request: {remove: [Connection]}", ["10:24: filters.h.request.remove[0]: 'connection' cannot be changed"]),
        ("request: {set: {TE: trailers}}", ["'te' cannot be changed: it frames the message or belongs to one"]),
        ("request: {set: {Trailer: x}}", ["'trailer' cannot be changed"]),
        ("request: {set: {Upgrade: x}}", ["'upgrade' cannot be changed"]),
        ("request: {set: {Expect: x}}", ["'expect' cannot be changed"]),
        ("request: {set: {Host: x}}", ["'host' cannot be changed: the service's host: says which one it is told"]),
        ("request: {set: {X-Request-ID: x}}", ["'x-request-id' cannot be changed: a filter of type request_id"]),
        ("request: {set: {X-Forwarded-For: x}}", ["'x-forwarded-for' cannot be changed: it is what the gateway knows"]),
        ("request: {set: {':path': /x}}", ["':path' is a pseudo field of HTTP/2, and no header field"]),
        ("request: {set: {'a b': x}}", ["expected the name of a header field, got 'a b'"]),
        ("response: {set: {Date: x}}", ["'date' cannot be changed: the gateway says it where the service does not"]),
        ("response: {remove: [Content-Length]}", ["'content-length' cannot be changed"]),
        ("response: {remove: [via]}", []),
        ("request: {set: {x-forwarded-prefix: /a, x-real-ip: b, forwarded: c}}", []),
        (
            'request: {set: {x-a: "${client.adress}"}}',
            ["10:26: filters.h.request.set.x-a: ${client.adress} is no variable; did you mean ${client.address}?"],
        ),
        ('request: {set: {x-a: "${response.status}"}}', ["${response.status} is not known before there is an answer"]),
        ('request: {set: {x-a: "${NOT_SET}"}}', ["the environment variable NOT_SET is not set"]),
        ('request: {set: {x-a: "a\\r\\nb: c"}}', ["expected a value without control characters"]),
        ('request: {set: {x-a: "a\\0b"}}', ["expected a value without control characters"]),
        ("request: {set: {x-a: }}", ["filters.h.request.set.x-a: expected a value, got nothing"]),
        ("request: {set: {x-a: ''}}", ["filters.h.request.set.x-a: is empty"]),
        ("request: {add: {x-a: []}}", ["filters.h.request.add.x-a: is empty; it needs at least one value"]),
        ('request: {add: {x-a: [a, "${x.y}"]}}', ["filters.h.request.add.x-a: ${x.y} is no variable; known are"]),
        ("request: {set: {x-a: [a]}}", ["filters.h.request.set.x-a: expected a value, got a list"]),
        ("request: {set: {x-a: 1, X-A: 2}}", ["filters.h.request.set.X-A: is the same header field as 'x-a'"]),
        ("request: {remove: [x-a, X-A]}", ["filters.h.request.remove[1]: 'x-a' is in this list already"]),
        ("request: {remove: [x-a], set: {x-a: 1}}", ["filters.h.request.remove[0]: 'x-a' is set as well"]),
        ("request: {remove: [x-a], add: {x-a: 1}}", ["filters.h.request.remove[0]: 'x-a' is added as well"]),
        ("request: {set: {x-a: 1}, add: {X-A: 2}}", ["10:36: filters.h.request.add.X-A: 'x-a' is set as well"]),
        ("request: {sets: {x-a: 1}}", ["filters.h.request.sets: unknown key; did you mean 'set'?"]),
        ("requests: {set: {x-a: 1}}", ["filters.h.requests: unknown key; did you mean 'request'?"]),
        ("request: [x-a]", ["filters.h.request: expected a mapping, got a list"]),
    ],
)
def test_what_is_said(tmp_path: Path, options: str, expected: list[str]) -> None:
    found = problems(tmp_path, text(options))
    assert len(found) == len(expected), found
    assert all(part in problem for part, problem in zip(expected, found, strict=True)), found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("$remote_addr", "$remote_addr"),
        ("a $proxy_add_x_forwarded_for", "$proxy_add_x_forwarded_for"),
        ("%REQ(X-FOO)%", "%REQ("),
        ("%DOWNSTREAM_REMOTE_ADDRESS%", "%DOWNSTREAM_REMOTE_ADDRESS%"),
        ("%[src]", "%[s"),
        ("100%", None),
        ("$5", None),
        ("a%20b", None),
        ("${client.address}", None),
    ],
)
@pytest.mark.parametrize("way", ["set", "add"])
def test_variables_of_other_programs_are_warned_of(tmp_path: Path, value: str, found: str | None, way: str) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(text(f'response: {{{way}: {{X-A: "{value}"}}}}').replace("18080", "18080\n    filters: [h]"))
    warnings = [str(one).partition("gw.yaml:")[2] for one in inspect(path, {}).warnings]
    said = f"11:27: filters.h.response.{way}.X-A: '{found}' is taken literally; variables are ${{client.address}} and the like"
    assert warnings == ([said] if found else [])


def test_a_chain_cannot_name_it_without_a_definition(tmp_path: Path) -> None:
    found = problems(tmp_path, MINIMAL.replace("service: a}", "service: a, filters: [headers]}"))
    assert found == [
        "4:38: routes[0].filters[0]: no filter named 'headers'; one of that type is defined in filters first"
    ]


def test_no_variable_stands_where_none_is_filled_in(tmp_path: Path) -> None:
    texts = (
        MINIMAL.replace("/*", '"/${header.x}"'),
        MINIMAL.replace("127.0.0.1:19000", "${client.address}:1"),
        MINIMAL + 'filters: {l: {type: access_log, path: "/tmp/${request.host}"}}',
        text('request: {remove: ["${header.x}"]}'),
    )
    for one in texts:
        (found,) = problems(tmp_path, one)
        assert "no variable of a request stands here, got '" in found

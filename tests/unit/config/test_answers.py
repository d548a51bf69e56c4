"""``reply``, ``redirect`` and ``files`` of routes: what is taken, what is told, and what the data plane gets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastgw.config.spec import RouteSpec
from fastgw.core.settings import FilesSettings, RedirectSettings, ReplySettings
from tests.unit.config.files import problems, read

HEAD = "listeners: [{address: '127.0.0.1:18080'}]\nroutes:\n"


def route(folder: Path, keys: str, path: str = "/old/*") -> RouteSpec:
    return read(folder, f"{HEAD}  - {{path: {path}, {keys}}}\n", {"N": "5", "TO": "/${request.path}"}).routes[0]


def body(folder: Path, text: str) -> str:
    found = route(folder, f"reply: {{json: {text}}}").reply
    assert found is not None
    return found.body.decode()


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("{stock: 0}", '{"stock":0}'),
        (
            '{a: "0", b: 007, c: 1.50, d: -2e3, e: 1_000, f: 0x10}',
            '{"a":"0","b":"007","c":1.5,"d":-2000.0,"e":"1_000","f":"0x10"}',
        ),
        ("{a: true, b: 'true', c: yes, d: ~, e: 'null'}", '{"a":true,"b":"true","c":"yes","d":null,"e":"null"}'),
        ("[1, [x], {}, []]", '[1,["x"],{},[]]'),
        ("text", '"text"'),
        ("3", "3"),
        ('"\\u20ac\\n"', '"€\\n"'),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("'${N}'", '"5"'),
    ],
)
def test_json_is_what_it_looks_like(tmp_path: Path, written: str, sent: str) -> None:
    assert body(tmp_path, written) == sent
    json.loads(sent)


@pytest.mark.parametrize(
    ("keys", "settings"),
    [
        ("reply: {}", ReplySettings(200, b"", "", ())),
        ("reply: {status: 404, text: 'not here'}", ReplySettings(404, b"not here", "text/plain; charset=utf-8", ())),
        ("reply: {text: ''}", ReplySettings(200, b"", "text/plain; charset=utf-8", ())),
        ("reply: {body: <p>, content_type: text/html}", ReplySettings(200, b"<p>", "text/html", ())),
        ("reply: {body: x}", ReplySettings(200, b"x", "application/octet-stream", ())),
        ("reply: {json: [], content_type: application/x}", ReplySettings(200, b"[]", "application/x", ())),
        ("reply: {status: 204, headers: {X-A: 1}}", ReplySettings(204, b"", "", (("x-a", "1"),))),
        ("reply: {json: ''}", ReplySettings(200, b'""', "application/json", ())),
    ],
)
def test_replies(tmp_path: Path, keys: str, settings: ReplySettings) -> None:
    assert route(tmp_path, keys).reply == settings


@pytest.mark.parametrize(
    ("keys", "settings"),
    [
        ("redirect: /new", RedirectSettings(307, (b"/new",), False)),
        ("redirect: {to: /new/*, status: 308}", RedirectSettings(308, (b"/new/",), True)),
        ("redirect: 'https://a.example:8443/*'", RedirectSettings(307, (b"https://a.example:8443/",), True)),
        ("redirect: 'https://a.example'", RedirectSettings(307, (b"https://a.example",), False)),
        (
            "redirect: 'https://${request.host}${request.target}'",
            RedirectSettings(307, (b"https://", "request.host", "request.target"), False),
        ),
        (
            "redirect: 'https://www.${request.host}:444/x'",
            RedirectSettings(307, (b"https://www.", "request.host", b":444/x"), False),
        ),
        ("redirect: 'https://${request.authority}'", RedirectSettings(307, (b"https://", "request.authority"), False)),
        ("redirect: '/${header.x-tenant}/'", RedirectSettings(307, (b"/", "header.x-tenant", b"/"), False)),
    ],
)
def test_redirects(tmp_path: Path, keys: str, settings: RedirectSettings) -> None:
    assert route(tmp_path, keys).redirect == settings


def test_a_redirect_may_begin_with_the_path(tmp_path: Path) -> None:
    found = route(tmp_path, "redirect: '${request.path}/'", "/old").redirect
    assert found == RedirectSettings(307, ("request.path", b"/"), False)


def test_files(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    root = str(tmp_path / "public")
    assert route(tmp_path, "files: ./public").files == FilesSettings(root, "index.html", 16 << 20, "")
    keys = "files: {root: public, index: '', max_size: 1KiB, cache_control: max-age=60}"
    assert route(tmp_path, keys).files == FilesSettings(root, "", 1024, "max-age=60")


WRONG = [
    ("reply: {status: 199}", "routes[0].reply.status: expected a whole number from 200 to 599, got '199'"),
    ("reply: {json: 1, text: x, body: y}", "routes[0].reply.text: stands beside json; give one of them"),
    ("reply: {status: 204, text: x}", "routes[0].reply.text: has no effect with status 204, which has no body"),
    ("reply: {status: 304, json: ''}", "routes[0].reply.json: has no effect with status 304, which has no body"),
    ("reply: {content_type: a/b}", "routes[0].reply.content_type: has no effect without json, text or body"),
    ("reply: {json: 1e999}", "routes[0].reply.json: has a number that JSON cannot say"),
    ("reply: {json: ['${client.address}']}", "routes[0].reply.json: no variable of a request stands here"),
    ("reply: {text: [x]}", "routes[0].reply.text: expected text, got a list"),
    ("reply: {headers: {Content-Length: 3}}", "'content-length' cannot be changed: it frames the message"),
    ("reply: {headers: {content-type: a/b}}", "routes[0].reply.headers.content-type: is what content_type says"),
    ("reply: {headers: {X-A: 1, x-a: 2}}", "routes[0].reply.headers.x-a: is the same header field as 'X-A'"),
    (
        'reply: {headers: {x-a: "1\\r\\nx: y"}}',
        "routes[0].reply.headers.x-a: expected a value without control characters",
    ),
    ("reply: {statsu: 200}", "routes[0].reply.statsu: unknown key; did you mean 'status'?"),
    ("redirect: {status: 308}", "routes[0].redirect.to: is required"),
    ("redirect: {to: /x, status: 304}", "routes[0].redirect.status: expected 301, 302, 303, 307 or 308, got '304'"),
    ("redirect: x", "routes[0].redirect: expected a path, such as /new/*, or a URI"),
    ("redirect: 'javascript:alert(1)'", "routes[0].redirect: expected a path, such as /new/*, or a URI"),
    ("redirect: //evil.example/", "routes[0].redirect: begins with '//', which is another host"),
    ("redirect: '/\\evil.example/'", "routes[0].redirect: begins with '//', which is another host"),
    ("redirect: '${query.next}'", "routes[0].redirect: begins with ${query.next}, which can be anything"),
    ("redirect: '${TO}'", ""),
    ("redirect: 'https://${query.next}/'", "routes[0].redirect: has no valid host in front of its path"),
    ("redirect: 'https://a@b.example/'", "routes[0].redirect: has no valid host in front of its path"),
    ("redirect: 'https://a.example${query.next}'", "has ${query.next} behind its host, which would be part of that"),
    ("redirect: 'https://a.example.${request.host}${query.next}'", "has no valid host in front of its path"),
    ("redirect: 'https://evil${request.host}/'", "routes[0].redirect: has no valid host in front of its path"),
    ("redirect: 'https://${request.host}.evil.example/'", "routes[0].redirect: has no valid host in front of its path"),
    ("redirect: 'https://${request.host}:44${query.p}/'", "routes[0].redirect: has no valid host in front of its path"),
    ("redirect: 'https://${request.host}@evil.example/'", "routes[0].redirect: has no valid host in front of its path"),
    ("redirect: 'https:///x'", "routes[0].redirect: has no valid host in front of its path"),
    ("files: /nowhere", "/nowhere cannot be read: No such file or directory"),
    ("files: {root: gw.yaml}", "routes[0].files.root: "),
    ('files: "a\\0b"', "routes[0].files: "),
    ("files: ''", "routes[0].files: is empty"),
    ("files: {index: x}", "routes[0].files.root: is required"),
    ("files: {root: ., index: a/b}", "routes[0].files.index: expected the name of a file, without a directory"),
    ("files: {root: ., index: .x}", "routes[0].files.index: expected the name of a file, without a directory"),
    ("files: {root: ., max_size: 0}", "routes[0].files.max_size: expected"),
    ("files: {root: .}, reply: {}", "routes[0].files: stands beside reply; give one of them"),
    ("redirect: /x, reply: {}, files: .", "routes[0].redirect: stands beside reply; give one of them"),
    ("methods: [GET]", "routes[0]: answers nothing: give it one of service, split, reply, redirect, files"),
    ("service: s, reply: {}", "routes[0].reply: stands beside service; give one of them"),
    ("reply: {}, sticky: 'cookie:a'", "routes[0].sticky: has no effect without split"),
]


@pytest.mark.parametrize(("keys", "words"), WRONG)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, keys: str, words: str) -> None:
    found = problems(tmp_path, f"{HEAD}  - {{path: /old/*, {keys}}}\n", {"TO": "/${request.path}"})
    assert any(line.startswith("3:") and words in line for line in found) is bool(words), found


def test_what_the_environment_holds_is_no_variable(tmp_path: Path) -> None:
    assert route(tmp_path, "redirect: '${TO}'").redirect == RedirectSettings(307, (b"/${request.path}",), False)


@pytest.mark.parametrize("keys", ["redirect: /x", "files: ."])
def test_the_asterisk_is_no_path(tmp_path: Path, keys: str) -> None:
    found = problems(tmp_path, f"{HEAD}  - {{path: '*', {keys}}}\n")
    assert len(found) == 1 and "cannot be on the path '*', which is none" in found[0]


def test_a_final_star_needs_one_in_the_path(tmp_path: Path) -> None:
    for keys, place in (("redirect: /x/*", "redirect"), ("redirect: {to: /x/*}", "redirect.to")):
        found = problems(tmp_path, f"{HEAD}  - {{path: /a, {keys}}}\n")
        assert len(found) == 1 and f"{place}: ends in '/*', but the path of the route does not" in found[0]


def test_one_mistake_hides_no_other(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        f"{HEAD}  - {{path: /a, reply: {{json: ['${{NONE}}', 1], status: 1}}}}\n"
        "  - {path: /b, files: {root: {}, index: /}}\n  - {path: x, redirect: /*}\n",
    )
    assert [line.split(":")[0] for line in found] == ["3", "3", "4", "4", "5"]

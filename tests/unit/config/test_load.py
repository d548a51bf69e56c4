"""The whole way from a file to its specification, or to every problem it has."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastgw.config.filters import FILTERS
from fastgw.config.load import MOST_PROBLEMS, inspect, load
from fastgw.config.spec import GatewaySpec
from fastgw.errors import ConfigError
from tests.unit.config.files import MINIMAL, problems, read, with_listener, with_route, with_service

KNOWN = ", ".join(FILTERS)

#: A file with one mistake after the other, and what is said of it.
WRONG = """\
worker: 3
workers: many
listeners:
  - name: edge
    address: "${HOST:-0.0.0.0}:8080"
    adress: x
    tls: {cert: no.pem, key: no.key}
    filters: [request_ids, log]
    filters: []
  - address: 0.0.0.0:8081
    timeouts:
      head: 10 parsecs
    proxy_protocol: on
routes:
  - path: /v1/*
    service: lmm
  - path: /v1/*
    service: llm
    methods: [get]
  - {path: /v2, split: [{service: llm, weight: 0}]}
  - {path: v3, servic: llm}
  - {path: /v4, service: llm, host: "${UNSET}"}
  - {path: /v1/*, service: llm, name: second}
  - [path, service]
services:
  llm:
    endpoints: [http://127.0.0.1:9000]
    balance: least_requests
    retry: {on: [connect, resets]}
  none:
  few: {endpoints: []}
  a b: {endpoints: ["127.0.0.1:9000"]}
filters:
  log: {type: access_logs}
  log2: {type: access_log, batchs: 3, flush: 0}
  log3: [a]
  log4: {path: stdout}
"""
SAID = """\
1:1: worker: unknown key; did you mean 'workers'?
2:10: workers: expected auto or a whole number from 1 to 1024, got 'many'
6:5: listeners[0].adress: unknown key; did you mean 'address'?
7:17: listeners[0].tls.cert: FOLDER/no.pem cannot be read: No such file or directory
7:30: listeners[0].tls.key: FOLDER/no.key cannot be read: No such file or directory
8:15: listeners[0].filters[0]: no filter named 'request_ids'; did you mean 'request_id'?
9:5: listeners[0].filters: is given twice; the first one is on line 8
12:13: listeners[1].timeouts.head: expected a duration such as 800ms, 30s, 5m or 1h30m (units ms, s, m, h, d), got '10 parsecs'
13:21: listeners[1].proxy_protocol: expected true or false, got 'on'; did you mean 'true'?
16:14: routes[0].service: no service named 'lmm'; did you mean 'llm'?
19:15: routes[1].methods[0]: 'get' is not a method in capitals; did you mean 'GET'?
20:17: routes[2].split: no part has a weight above 0
21:12: routes[3].path: the path 'v3' has no leading slash
21:16: routes[3].servic: unknown key; did you mean 'service'?
22:37: routes[4].host: the environment variable UNSET is not set; ${UNSET:-default} has a default
23:5: routes[5]: route 'second' (/v1/*) repeats route '/v1/*' (/v1/*): one of them can never match (line 15)
24:5: routes[6]: expected a mapping, got a list
27:17: services.llm.endpoints[0]: expected an address such as 127.0.0.1:8080, [::1]:8080 or unix:/run/gateway.sock, \
got a URL 'http://127.0.0.1:9000': leave out the scheme (tls: is a key)
28:14: services.llm.balance: expected round_robin, least_request, random, peak_ewma, consistent_hash, maglev, prefix_hash or engine, \
got 'least_requests'; did you mean 'least_request'?
29:27: services.llm.retry.on[1]: expected connect, reset, timeout, 5xx or a status such as 503, got 'resets'; did you mean 'reset'?
30:3: services.none.endpoints: is required
31:9: services.few.endpoints: is empty; it needs at least one entry
32:3: services.a b: expected a name of letters, digits, '_', '.' and '-', got 'a b'
34:15: filters.log.type: unknown type 'access_logs'; did you mean 'access_log'?
35:28: filters.log2.batchs: unknown key; did you mean 'batch'?
35:46: filters.log2.flush: expected a duration of at least 1ms, got '0'
36:3: filters.log3: expected a mapping, got a list
37:3: filters.log4.type: is required; known types are KNOWN
"""

GOLDEN = [
    ("[]", "1:1: expected a mapping, got a list"),
    ("hello", "1:1: expected a mapping, got 'hello'"),
    ("a: 1", "1:1: listeners: is required"),
    (
        MINIMAL.replace("routes:\n  - {path: /*, service: a}", "routes: []"),
        "3:1: routes: is empty; it needs at least one",
    ),
    (MINIMAL.replace("routes:\n  - {path: /*, service: a}", "routes:"), "3:1: routes: is required"),
    (MINIMAL.replace("routes:\n  - {path: /*, service: a}", "routes: x"), "3:9: routes: expected a list, got 'x'"),
    (
        MINIMAL + "zzzz: 1",
        (
            "7:1: zzzz: unknown key; known are zone, user, workers, cpu_affinity, worker_timeout, admin, admin_socket, state_file, "
            "resolver, shutdown, reload, telemetry, forecast, registration, chain"
        ),
    ),
    (
        with_listener("tls: {cert: a, key: b, certificates: []}"),
        "3:11: listeners[0].tls.cert: stands beside certificates; give one of them",
    ),
    (with_listener("tls: {cert: a}"), "3:5: listeners[0].tls.key: is required"),
    (with_listener("tls: {cert: a, key: [b]}"), "3:20: listeners[0].tls.key: expected a path, got a list"),
    (with_listener("tls: {}"), "3:5: listeners[0].tls.certificates: is required"),
    (with_listener("tls: true"), "3:10: listeners[0].tls: expected a mapping, got 'true'"),
    (with_listener("drop_headers: [Host]"), "3:20: listeners[0].drop_headers[0]: 'host' belongs to the message itself"),
    (with_route("headers: {a b: 1}"), "4:38: routes[0].headers.a b: expected the name of a header field, got 'a b'"),
    (with_route("headers: {a: }"), '4:38: routes[0].headers.a: expected a value, or "*" (with quotes) for any value'),
    (with_route("headers: {a: 1, A: 2}"), "4:44: routes[0].headers.A: is the same header field as 'a'"),
    (with_route("methods: GET"), "4:37: routes[0].methods: expected a list: [GET]"),
    (with_route("methods: [~]"), "4:38: routes[0].methods[0]: expected a method, got nothing"),
    (with_route("max_body: 10M"), "4:38: routes[0].max_body: expected a size such as 32KiB or 10MB"),
    (with_service("pool: {warn: 1}"), "6:46: services.a.pool.warn: unknown key; did you mean 'warm'?"),
    (with_service("tls: maybe"), "6:44: services.a.tls: expected a mapping, got 'maybe'"),
    (MINIMAL + "admin: true", "7:8: admin: expected a mapping, got 'true'"),
    (MINIMAL + "admin: {address: 9901}", "7:18: admin.address: expected an address such as 127.0.0.1:8080"),
    (
        MINIMAL + "filters: {x: {type: [a]}}",
        f"7:15: filters.x.type: expected a type, got a list; known types are {KNOWN}",
    ),
    (MINIMAL + "filters: {x: }", "7:11: filters.x: expected a mapping, got nothing"),
]


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, WRONG)
    assert "\n".join(found) + "\n" == SAID.replace("FOLDER", str(tmp_path)).replace("KNOWN", KNOWN)


def test_files_of_certificates_are_looked_at_when_their_listener_is_sound(tmp_path: Path) -> None:
    text = with_listener("tls: {cert: no.pem, key: no.key}").replace("service: a}", "service: b}")
    assert [problem.split(": ")[1] for problem in problems(tmp_path, text)] == [
        "listeners[0].tls.cert",
        "listeners[0].tls.key",
        "routes[0].service",
    ]


@pytest.mark.parametrize(("text", "expected"), GOLDEN)
def test_golden_messages(tmp_path: Path, text: str, expected: str) -> None:
    found = problems(tmp_path, text)
    assert any(problem.startswith(expected) for problem in found), found


def test_the_error_has_each_problem_with_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text("a: 1\nb: 2\nlisteners: [{address: 'a:1'}]\nroutes: [{path: /}]")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert [line.split(": ")[0] for line in caught.value.problems] == [f"{path}:1:1", f"{path}:2:1", f"{path}:4:10"]
    assert str(caught.value) == "\n".join(caught.value.problems)


def test_the_name_may_be_text_or_a_path(tmp_path: Path) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(MINIMAL)
    assert load(str(path), {}) == load(path, {})
    with pytest.raises(ConfigError) as caught:
        load(str(tmp_path / "none.yaml"), {})
    assert caught.value.problems == [f"{tmp_path / 'none.yaml'}: cannot be read: No such file or directory"]


def test_problems_are_data_too(tmp_path: Path) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(MINIMAL + "x: 1")
    spec, [problem], *_ = inspect(path, {})
    assert spec is None
    assert (problem.line, problem.column, problem.path) == (7, 1, "x")
    path.write_text(MINIMAL)
    assert inspect(path, {}).problems == []


def test_very_many_problems_are_cut(tmp_path: Path) -> None:
    found = problems(tmp_path, MINIMAL + "".join(f"x{n}: 1\n" for n in range(5000)))
    assert len(found) == MOST_PROBLEMS + 1
    assert found[-1].endswith(f" {5000 - MOST_PROBLEMS} more problems are not shown")


def test_what_came_from_the_environment_is_not_shown(tmp_path: Path) -> None:
    text = (
        "workers: '${T}'\nlisteners: [{address: '${T}', name: '${T}', filters: ['${T}'], tls: {cert: '${T}', key: '${T}'}}]\n"
        "routes: [{path: '/${T}', service: '${T}', headers: {a: '${T}'}, name: '${T}'}, {path: '/${T}', service: '${T}'}]\n"
        "services: {a: {endpoints: ['${T}', '${T}:9000', '${T}:9000'], balance: '${T}', tls: {ca: '${T}'}}}\n"
        "filters: {f: {type: '${T}'}, g: {type: access_log, path: '${T}/${T}'}}\n"
    )
    for token in ("hunter2-hunter2", "/hunter2-hunter2", "[hunter2-hunter2", "hunter2 hunter2\n", "{hunter2-hunter2"):
        found = problems(tmp_path, text, {"T": token})
        assert found and not [problem for problem in found if "hunter2" in problem], found


def routes(count: int) -> str:
    lines = ["listeners: [{address: '127.0.0.1:18080'}]", "routes:"]
    for number in range(count):
        lines.append(f"  - path: /v1/models-{number}/*")
        lines.append(f"    service: service-{number % 20}")
        lines.append("    methods: [POST, GET]")
        lines.append('    headers: {x-canary: "1"}')
        lines.append("    timeout: 30s")
    lines.append("services:")
    lines += [f"  service-{n}: {{endpoints: ['10.0.0.{n}:9000', '10.0.1.{n}:9000']}}" for n in range(20)]
    return "\n".join(lines)


def test_two_hundred_routes_load_in_no_time(tmp_path: Path) -> None:
    read(tmp_path, MINIMAL)
    started = time.perf_counter()
    spec = read(tmp_path, routes(200))
    assert len(spec.routes) == 200
    assert time.perf_counter() - started < 10  # 0.07 s on an idle machine; only a change of order should fail here


# -- any text ---------------------------------------------------------------------------------------------------------

fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def loads_or_says_why(folder: Path, content: bytes) -> None:
    path = folder / "fuzz.yaml"
    path.write_bytes(content)
    said: list[str] = []
    try:
        assert isinstance(load(path, {"HOME": "/root", "E": "", "N": "7"}), GatewaySpec)
        return
    except ConfigError as error:
        said = error.problems
    assert not [problem for problem in said if "UNSOUND" in problem]
    assert said and all(problem.isprintable() and problem.startswith(str(path)) for problem in said)


@fuzz
@given(content=st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_configuration_or_an_error(tmp_path: Path, content: bytes) -> None:
    loads_or_says_why(tmp_path, content)


@fuzz
@given(data=st.data())
def test_any_change_of_a_configuration_is_one_or_an_error(tmp_path: Path, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([MINIMAL, WRONG, routes(2), with_listener("tls: {cert: a, key: b}")]))
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(text)))
        end = begin + data.draw(st.integers(0, 12))
        text = text[:begin] + data.draw(st.sampled_from(PIECES) | st.text(max_size=5)) + text[end:]
    loads_or_says_why(tmp_path, text.encode("utf-8", "surrogatepass"))


PIECES = (
    *(
        "",
        "\n",
        "\n  ",
        ": ",
        "- ",
        "~",
        "[]",
        "{}",
        "'",
        '"',
        "&a ",
        "*a",
        "!!int ",
        "${N}",
        "${",
        "|\n",
        "? ",
        "\t",
        "#",
        "---\n",
    ),
    *(
        "service: a",
        "name: x",
        "split: [{service: a, weight: 1}]",
        "0",
        "-1",
        "9" * 30,
        "true",
        "1e400",
        ".inf",
        "\x00",
        "\u2028",
    ),
)

words = (
    "listeners routes services filters address path service endpoints type tls split a headers name weight cert key "
    "certificates pool retry on timeouts limits admin workers methods"
)
keys = st.sampled_from(words.split())
leaves = st.sampled_from(
    ["~", "a", "x", "127.0.0.1:1", "/v1/*", "access_log", "1", "true", "false", "30s", "GET", "${N}", "*"]
)


def flow(value: object) -> str:
    """A tree as YAML in flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return f'"{value}"' if value != "~" else "~"


@fuzz
@given(tree=st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4)))
def test_any_tree_of_known_words_is_a_configuration_or_an_error(tmp_path: Path, tree: object) -> None:
    loads_or_says_why(tmp_path, flow(tree).encode())


#: Large files: ``LARGE[kind](parts)`` is one of so many parts of the largest.
LARGE: dict[str, Callable[[int], bytes]] = {
    "keys": lambda parts: b"".join(b"a%d: 1\n" % n for n in range(150_000 // parts)),
    "routes": lambda parts: b"routes: [" + b"{}," * (20_000 // parts) + b"]",
    "listeners": lambda parts: b"listeners: [" + b"x," * (120_000 // parts) + b"]",
    "references": lambda parts: (
        b"routes:\n" + b"".join(b"- {path: /%d, service: x}\n" % n for n in range(15_000 // parts))
    ),
    "text": lambda parts: b"x" * ((4 << 20) // parts),
    "number": lambda parts: b"workers: " + b"9" * ((4 << 20) // parts),
    "repeated": lambda parts: b"services: {" + b"x: {endpoints: [a:1]}," * (20_000 // parts) + b"}",
}


@pytest.mark.parametrize("parts", [5, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", LARGE)
@pytest.mark.timeout(240)
def test_large_files_end_in_good_time(tmp_path: Path, kind: str, parts: int) -> None:
    started = time.process_time()  # what it takes, however busy the machine is
    loads_or_says_why(tmp_path, LARGE[kind](parts))
    assert time.process_time() - started < 30 / parts

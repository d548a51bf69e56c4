"""``fastgw route``: the same answer as the gateway gives, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.cli.main import main
from fastgw.testing.edge import GET, Edge
from tests.unit.core.exchange.test_tries import split

CONFIG = """\
chain: [access_log]
listeners:
  - {name: edge, address: 127.0.0.1:18080, filters: [request_id, access_log]}
  - {name: local, address: 127.0.0.1:18081, filters: []}
routes:
  - {name: chat, path: /v1/*, host: "*.example", methods: [POST], sticky: header:x-user, filters: [access_log, busy],
     split: [{service: llm, weight: 95}, {service: canary, weight: 5}]}
  - {name: canary, path: /v1/*, host: "*.example", methods: [POST], headers: {x-canary: "1"}, service: canary}
  - {name: options, path: "*", service: llm}
  - {name: model, path: "/m/{model}/predict", service: llm}
services:
  llm: {endpoints: [10.0.0.1:9000, 10.0.0.2:9000]}
  canary: {endpoints: [10.0.0.3:9000]}
filters:
  busy: {type: concurrency, max: 7, on_failure: open}
"""

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "gw.yaml"
    path.write_text(CONFIG)
    return str(path)


def test_the_route_its_services_and_the_reasons(config: str, capsys: Capture) -> None:
    assert main(["route", "-c", config, "POST", "http://API.example:8080/v1/chat?x=1#y"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "route    chat\n"
        "service  95 % llm (10.0.0.1:9000, 10.0.0.2:9000)\n"
        "service  5 % canary (10.0.0.3:9000)\n"
        "takes    one of them, by chance: the request has no header:x-user\n"
        "filters  (listener edge)\n"
        "  global       access_log  writes a line for every exchange to stdout\n"
        "  listener     request_id  gives every request an id, or keeps the one it came with\n"
        "  route        busy        refuses more than 7 at one time, per route; on_failure: open\n"
        "filters  (listener local)\n"
        "  global       access_log  writes a line for every exchange to stdout\n"
        "  route        busy        refuses more than 7 at one time, per route; on_failure: open\n"
        "because\n  the host 'api.example' matches '*.example'\n  the path '/v1/chat' matches '/v1/*'\n"
    )
    assert "not taken\n  'canary' (POST *.example/v1/*, x-canary: 1): " in out


@pytest.mark.parametrize("sticky", ["header:x-user", "cookie:sid"])
def test_a_sticky_request_takes_the_part_that_the_gateway_takes(tmp_path: Path, capsys: Capture, sticky: str) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(CONFIG.replace("header:x-user", sticky).replace("95", "50").replace("weight: 5}", "weight: 50}"))
    edge = Edge(endpoints=2)
    split(edge, sticky=sticky)
    taken = set()
    for number in range(20):
        field = f"X-User: u{number}" if sticky == "header:x-user" else f"Cookie: a=b; sid=u{number}"
        assert main(["route", "-c", str(path), "POST", "http://a.example/v1/x", "-H", field]) == 0
        [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("takes ")]
        edge.client(GET[:-2] + field.encode() + b"\r\n\r\n")  # what the data plane takes
        service = {9000: "llm", 9001: "canary"}[edge.attempts[-1].target["port"]]
        assert line == f"takes    {service}, always with this value of {sticky}"
        taken.add(service)
    assert taken == {"llm", "canary"}
    edge.end()


def test_a_split_by_chance_says_so(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(CONFIG.replace("sticky: header:x-user, ", ""))
    assert main(["route", "-c", str(path), "POST", "http://a.example/v1/x"]) == 0
    assert "takes    one of them, by chance\n" in capsys.readouterr().out


def test_what_no_route_matches_meets_filters_too(config: str, capsys: Capture) -> None:
    assert main(["route", "-c", config, "POST", "http://elsewhere/v1/x"]) == 1
    assert capsys.readouterr().out.startswith(
        "no route: 404\n"
        "filters  (listener edge)\n"
        "  global       access_log  writes a line for every exchange to stdout\n"
        "  listener     request_id  gives every request an id, or keeps the one it came with\n"
        "filters  (listener local)\n"
        "  global       access_log  writes a line for every exchange to stdout\n"
    )


def test_a_listener_without_filters_says_so(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(CONFIG.replace("chain: [access_log]\n", ""))
    assert main(["route", "-c", str(path), "POST", "/m/a/predict"]) == 0
    assert "filters  none (listener local)\n" in capsys.readouterr().out


def test_headers_count(config: str, capsys: Capture) -> None:
    arguments = ["route", "-c", config, "POST", "/v1/chat", "-H", "Host: a.example", "-H", "X-Canary:1"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("route    canary\nservice  canary (10.0.0.3:9000)\n")
    assert main([*arguments, "--header", "x-canary: 2"]) == 0  # two fields are one: "1, 2"
    assert capsys.readouterr().out.startswith("route    chat\n")


@pytest.mark.parametrize(
    ("method", "url", "first"),
    [
        ("GET", "http://api.example/v1/x", "no route: 405, allowed are POST"),
        ("OPTIONS", "http://api.example/v1/x", "no route: 405, allowed are POST"),  # a CORS preflight
        ("POST", "http://elsewhere/v1/x", "no route: 404"),
        ("POST", "/v2", "no route: 404"),
        ("CONNECT", "/v2", "no route: 501, CONNECT is never served"),
        ("BREW", "/m/a/predict", "no route: 501, BREW is neither registered nor named by a route"),
    ],
)
def test_no_route_is_1(config: str, capsys: Capture, method: str, url: str, first: str) -> None:
    assert main(["route", "-c", config, method, url]) == 1
    assert capsys.readouterr().out.splitlines()[0] == first


def test_a_method_that_a_route_names_is_served_by_all(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(CONFIG.replace("routes:\n", "routes:\n  - {path: /pot, methods: [BREW], service: llm}\n"))
    assert main(["route", "-c", str(path), "BREW", "/pot"]) == 0
    assert main(["route", "-c", str(path), "BREW", "/m/a/predict"]) == 0
    assert capsys.readouterr().out.count("route    ") == 2


def test_what_is_no_method_is_2(config: str, capsys: Capture) -> None:
    assert main(["route", "-c", config, "post", "/v2"]) == 2
    assert capsys.readouterr().err == "fastgw route: 'post' is not a method in capitals; did you mean 'POST'?\n"


def test_options_of_the_whole_is_answered_by_the_gateway(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(CONFIG.replace('path: "*"', 'path: "/star"'))
    assert main(["route", "-c", str(path), "OPTIONS", "*"]) == 1
    assert capsys.readouterr().out.startswith("no route: 204, the gateway answers OPTIONS * itself\n")


def test_near_misses_say_what_failed(config: str, capsys: Capture) -> None:
    assert main(["route", "-c", config, "GET", "http://api.example/v1/x"]) == 1
    out = capsys.readouterr().out
    assert "not taken\n  'chat' (POST *.example/v1/*): " in out and "GET" in out


def test_paths_are_normalised_as_requests_are(config: str, capsys: Capture) -> None:
    assert main(["route", "-c", config, "GET", "/x/../m/%61%2fb/predict"]) == 0
    assert "model = 'a%2Fb'" in capsys.readouterr().out
    assert main(["route", "-c", config, "OPTIONS", "*"]) == 0
    assert capsys.readouterr().out.startswith("route    options\n")


@pytest.mark.parametrize(
    "url", ["ftp://a/", "a/b", "http://", "/..", "/a b", "http://u@a/", "http://a:99999/", "/%zz", ""]
)
def test_what_is_no_request_is_2(config: str, capsys: Capture, url: str) -> None:
    assert main(["route", "-c", config, "GET", url]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"fastgw route: {url!r} is not a request target: ")
    assert ("; did you mean 'http://a/b'?" in said) is (url == "a/b")


def test_a_file_with_mistakes_is_1(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text("worker: 1")
    assert main(["route", "-c", str(path), "GET", "/"]) == 1
    assert f"{path}:1:1: worker: unknown key; did you mean 'workers'?" in capsys.readouterr().err


def test_what_a_route_answers_by_itself(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(
        "listeners: [{address: 127.0.0.1:18080}]\n"
        "routes:\n"
        "  - {path: /a, reply: {json: {stock: 0}}}\n"
        "  - {path: /b, reply: {status: 204}}\n"
        "  - {path: /c/*, redirect: {to: '/x/${request.host}/*', status: 308}}\n"
        "  - {path: /d/*, files: {root: ., max_size: 1KiB}}\n"
        "  - {path: /e/*, files: {root: ., index: ''}}\n"
    )
    said = {
        "/a": "reply    200, 11 bytes of application/json",
        "/b": "reply    204",
        "/c/x": "redirect 308 to /x/${request.host}/*",
        "/d/x": f"files    {tmp_path} (up to 1024 bytes each, index.html for a directory)",
        "/e/x": f"files    {tmp_path} (up to 16777216 bytes each)",
    }
    for asked, line in said.items():
        assert main(["route", "-c", str(path), "GET", asked]) == 0
        assert capsys.readouterr().out.splitlines()[1:3] == [line, "filters  (listener listener-1)"]


REWRITTEN = """\
listeners:
  - {name: edge, address: 127.0.0.1:18080, filters: [], before_routing: [short, v2]}
  - {name: local, address: 127.0.0.1:18081, filters: []}
routes:
  - {path: "/v2/*", service: new}
  - {path: "/v1/*", service: old}
services:
  new: {endpoints: [10.0.0.1:9000]}
  old: {endpoints: [10.0.0.2:9000]}
filters:
  short: {type: rewrite, pattern: "/(.*)w(.*)", to: /$1$2}
  v2: {type: rewrite, strip_prefix: /v1, add_prefix: /v2}
"""


def test_each_listener_by_the_path_that_it_makes_before_routing(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(REWRITTEN)
    assert main(["route", "-c", str(path), "GET", "/v1/x"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "listener edge",
        "path     /v2/x (rewritten before routing)",
        "route    /v2/*",
        "service  new (10.0.0.1:9000)",
    ]
    second = lines.index("listener local")
    assert lines[second + 1 : second + 3] == ["route    /v1/*", "service  old (10.0.0.2:9000)"]
    assert main(["route", "-c", str(path), "GET", "/v2/x"]) == 0  # the same at both
    assert capsys.readouterr().out.startswith("route    /v2/*\n")
    assert main(["route", "-c", str(path), "GET", "/.w./x"]) == 1  # it leaves the root
    assert "listener edge\npath     none: 404 rewrite_failed (rewritten before routing)\n" in capsys.readouterr().out


VERSIONED = """\
listeners: [{address: 127.0.0.1:18080, filters: []}]
routes: [{path: /*, service: chat}]
services:
  chat:
    versions:
      v1: {endpoints: ["127.0.0.1:19000"], weight: 3}
      v2: {endpoints: ["127.0.0.1:19001"], weight: 1}
    version_by: {header: x-version}
    shadow: {version: v1}
"""


def test_versions_are_told_with_their_shares(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "gw.yaml"
    file.write_text(VERSIONED)
    assert main(["route", "-c", str(file), "GET", "/x", "-H", "X-Version: v2"]) == 0
    assert capsys.readouterr().out.splitlines()[1:4] == [
        "service  chat",
        "version  v1 (127.0.0.1:19000): 75 %, shadow",
        "version  v2 (127.0.0.1:19001): 25 %, named by x-version",
    ]
    assert main(["check", str(file)]) == 0
    assert "1 service)" in "".join(capsys.readouterr())


def test_models_and_where_each_leads(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(
        "listeners: [{address: 127.0.0.1:18080, filters: []}]\n"
        "routes: [{path: /v1/*, models: true, service: b}]\n"
        "services: {a: {endpoints: [10.0.0.1:1]}, b: {endpoints: [10.0.0.2:1]}}\n"
        "models:\n"
        "  big: {service: a, as: org/big, fallback: [tiny]}\n"
        "  small: {split: [{service: b, weight: 3}, {service: a, weight: 1, as: s}]}\n"
        "  tiny: {service: b}\n"
    )
    assert main(["route", "-c", str(path), "POST", "/v1/chat/completions"]) == 0
    assert capsys.readouterr().out.startswith(
        "route    /v1/*\n"
        "model    big    a as org/big, else b as tiny\n"
        "model    small  75 % b, 25 % a as s\n"
        "model    tiny   b\n"
        "service  b (10.0.0.2:1)\n"
    )


def test_what_is_done_with_calls_of_grpc_and_who_nearly_takes_one(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(
        "listeners: [{address: 127.0.0.1:18080, filters: []}]\n"
        "routes:\n"
        "  - {grpc: {service: a.B, count_messages: true, max_request_message: 4KiB}, service: s}\n"
        "services: {s: {endpoints: [10.0.0.1:9000]}}\n"
    )
    asked = ["route", "-c", str(path), "POST", "/a.B/Do"]
    assert main([*asked, "-H", "content-type: application/grpc+proto"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("route    grpc a.B/*\n")
    assert (
        "  route        grpc  grpc-timeout is a deadline, messages of a client up to 4096 bytes, messages are counted\n"
        in out
    )
    assert main([*asked, "-H", "content-type: application/json"]) == 1
    assert "'content-type*' is 'application/json', not 'application/grpc'" in capsys.readouterr().out

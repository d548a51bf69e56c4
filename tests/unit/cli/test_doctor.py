"""``fastgw doctor``: whatever is broken is named, with its cause and its place in the file."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fastgw.cli.main import main
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.redis import RedisServer
from tests.support.upstream import UpstreamServer, canned, response

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def serve(stack: ExitStack, status: str = "200 OK", pair: tuple[str, str] | None = None, body: bytes = b"{}") -> str:
    context = None
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
    return stack.enter_context(UpstreamServer(canned(response(body, status=status)), tls=context)).address


@pytest.mark.needs("redis-server")
def test_each_of_a_dozen_broken_things_is_named_with_its_cause(
    tmp_path: Path, stack: ExitStack, capsys: Capture
) -> None:
    pytest.importorskip("hiredis")
    redis = RedisServer("--requirepass", "secret")
    stack.callback(redis.close)
    redis.start()
    taken = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
    authority = Authority(tmp_path / "a")
    tls = f"tls: {{ca: {authority.ca}}}"
    old, other = authority.pair("old", "127.0.0.1", days=-2), authority.pair("other", "other.test")
    path = tmp_path / "gw.yaml"
    path.write_text(f"""
admin: false
listeners: [{{address: "127.0.0.1:{taken}"}}]
telemetry: {{otlp: "http://127.0.0.1:{free_port()}", traces: {{}}}}
routes: [{{path: /*, service: gone, filters: [quota, tokens, judge, asked]}}, {{path: /b/*, service: unresolved}},
  {{path: /c/*, service: expired}}, {{path: /d/*, service: stranger}}, {{path: /e/*, service: old_fashioned}},
  {{path: /f/*, service: sick}}, {{path: /g/*, service: listed}}]
filters:
  quota: {{type: rate_limit, limits: [{{rate: 9/s}}], cluster: {{redis: "{redis.url}", password: wrong}}}}
  tokens: {{type: jwt, algorithms: RS256, keys: {{url: "http://{serve(stack, "404 Gone")}/jwks"}}}}
  judge: {{type: oauth2_introspection, url: "http://{serve(stack, "401 No")}/x", client_id: a, client_secret: hunter22}}
  asked: {{type: ext_authz, url: "http://127.0.0.1:{free_port()}/x"}}
services:
  gone: {{endpoints: ["127.0.0.1:{free_port()}"]}}
  unresolved: {{endpoints: ["nobody.invalid:1"]}}
  expired: {{{tls}, endpoints: ["{serve(stack, pair=old)}"]}}
  stranger: {{{tls}, endpoints: ["{serve(stack, pair=other)}"]}}
  old_fashioned: {{{tls}, protocol: h2, endpoints: ["{serve(stack, pair=authority.pair("plain", "127.0.0.1"))}"]}}
  sick: {{health: {{path: /}}, endpoints: ["{serve(stack, "503 No")}"]}}
  listed: {{discovery: {{etcd: {{endpoints: ["http://127.0.0.1:{free_port()}"], prefix: /x}}}}}}
""")
    assert main(["doctor", "--format", "json", str(path)]) == 1
    told = json.loads(capsys.readouterr().out)
    causes = {one["paths"][0]: one["cause"] for one in told["references"] if one["state"] == "failed"}
    assert causes == {
        "listeners[0].address": "bind",
        "telemetry.otlp": "refused",
        "filters.quota": "auth",
        "filters.tokens": "status",
        "filters.judge.url": "status",
        "filters.asked.url": "refused",
        "services.gone.endpoints[0]": "refused",
        "services.unresolved.endpoints[0]": "unresolved",
        "services.expired.endpoints[0]": "tls",
        "services.stranger.endpoints[0]": "tls",
        "services.old_fashioned.endpoints[0]": "protocol",
        "services.sick.endpoints[0]": "status",
        "services.listed.discovery.etcd": "refused",
        "services.listed.discovery": "refused",
    }
    said = {one["paths"][0]: one["said"] for one in told["references"]}
    assert "expired" in said["services.expired.endpoints[0]"] and "other" not in said["services.expired.endpoints[0]"]
    assert "client_id or client_secret" in said["filters.judge.url"]
    assert "hunter22" not in json.dumps(told) and "secret'" not in json.dumps(told)


def test_what_works_is_a_line_and_what_ends_a_list(tmp_path: Path, stack: ExitStack, capsys: Capture) -> None:
    cert, key = Authority(tmp_path / "a").pair("edge", "edge.test", days=9)
    path = tmp_path / "gw.yaml"
    path.write_text(f"""
admin: false
listeners: [{{address: "127.0.0.1:{free_port()}", tls: {{cert: {cert}, key: {key}}}}}]
routes: [{{path: /*, service: a}}]
services: {{a: {{endpoints: ["{serve(stack)}"]}}}}
""")
    assert main(["doctor", str(path)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line for line in out if ": fine: services.a.endpoints[0]: a 127.0.0.1:" in line]
    [end] = [line for line in out if line.startswith("expires ")]
    assert end.endswith(f"certificate {cert}") and "(in 9 days)" in end
    assert out[-1].startswith(f"{path}: 5 tried, 0 cannot be used, ") and out[-1].endswith(" 1 expiring soon")
    assert main(["doctor", "--quiet", "--strict", str(path)]) == 1
    assert ": fine: " not in capsys.readouterr().out


def test_a_file_that_is_no_configuration_is_not_tried(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "gw.yaml"
    assert main(["doctor", str(path)]) == 1
    path.write_text("listeners: []\n")
    assert main(["doctor", str(path)]) == 1
    assert "nothing was tried" in capsys.readouterr().err

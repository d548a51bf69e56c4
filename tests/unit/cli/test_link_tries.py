"""A Redis, a set of keys and the collector, tried once; stand-ins answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fastgw.cli.references import references
from fastgw.cli.tries import FailedError, Usable
from tests.support.ports import free_port
from tests.support.redis import RedisServer
from tests.support.tokens import jwks
from tests.support.upstream import Script, UpstreamServer, canned, response
from tests.unit.cli.test_references import spec_of

CONFIG = """
listeners: [{address: "127.0.0.1:18080"}]
routes: [{path: /*, service: a, filters: [one]}]
services: {a: {endpoints: ["127.0.0.1:1"]}}
"""
TELEMETRY = CONFIG.replace("filters: [one]", "") + "telemetry: {otlp: 'http://ADDRESS/x', traces: {}, logs: {}}\n"
KEYS = CONFIG + "filters: {one: {type: jwt, algorithms: RS256, keys: {url: 'http://ADDRESS/jwks'}}}\n"
REDIS = CONFIG + "filters: {one: {type: rate_limit, limits: [{rate: 9/s}], cluster: {redis: 'ADDRESS'MORE}}}\n"

Serve = Callable[[Script], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[UpstreamServer] = []

    def start(script: Script) -> str:
        started.append(UpstreamServer(script))
        return started[-1].address

    yield start
    for one in started:
        one.stop()


def tried(folder: Path, text: str) -> Usable:
    [reference] = references(spec_of(text, folder))
    return asyncio.run(reference.attempt())


def failed(folder: Path, text: str) -> tuple[str, str]:
    with pytest.raises(FailedError) as caught:
        tried(folder, text)
    return caught.value.cause, str(caught.value)


def test_a_collector_is_sent_an_empty_message_of_each_kind(tmp_path: Path, serve: Serve) -> None:
    targets: list[tuple[str, bytes]] = []

    def take(request: object, connection: object) -> None:
        targets.append((request.target.decode(), request.body))  # type: ignore[attr-defined]
        connection.send(response(b""))  # type: ignore[attr-defined]

    found = tried(tmp_path, TELEMETRY.replace("ADDRESS", serve(take)))
    assert (found.said, found.warnings) == ("it takes traces, logs", ())
    assert targets == [("/x/v1/traces", b""), ("/x/v1/logs", b"")]


def test_a_collector_that_takes_nothing(tmp_path: Path, serve: Serve) -> None:
    for status, cause in ((b"401 No", "denied"), (b"404 No", "refused"), (b"503 No", "unavailable")):
        address = serve(canned(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n"))
        told = failed(tmp_path, TELEMETRY.replace("ADDRESS", address))
        assert told == (cause, f"http://{address}/x answered {status[:3].decode()} to traces (/x/v1/traces)")
    assert failed(tmp_path, TELEMETRY.replace("ADDRESS", f"127.0.0.1:{free_port()}"))[0] == "refused"


def test_keys_that_are_fetched(tmp_path: Path, serve: Serve) -> None:
    found = tried(tmp_path, KEYS.replace("ADDRESS", serve(canned(response(jwks(RS256="a"))))))
    assert (found.said, found.warnings, found.facts["keys"]) == ("1 key", (), 1)
    mixed = jwks(RS256="a").replace(b"]}", b', {"kty": "RSA", "kid": "b"}]}')
    found = tried(tmp_path, KEYS.replace("ADDRESS", serve(canned(response(mixed)))))
    [warning] = found.warnings
    assert found.said == "1 key" and warning.startswith("a key of it is not used: ")
    assert failed(tmp_path, KEYS.replace("ADDRESS", serve(canned(response(b"no")))))[0] == "content"


@pytest.mark.needs("redis-server")
def test_a_redis(tmp_path: Path) -> None:
    pytest.importorskip("hiredis")
    server = RedisServer("--requirepass", "secret")
    text = REDIS.replace("ADDRESS", server.url)
    try:
        assert failed(tmp_path, text.replace("MORE", ""))[0] == "unreachable"
        server.start()
        assert failed(tmp_path, text.replace("MORE", ""))[0] == "auth"
        assert tried(tmp_path, text.replace("MORE", ", password: secret")).said == "it answers"
    finally:
        server.close()


JUDGE = (
    CONFIG + "filters: {one: {type: oauth2_introspection, url: 'http://ADDRESS/x', client_id: a, client_secret: b}}\n"
)
AUTHORITY = CONFIG + "filters: {one: {type: ext_authz, url: 'http://ADDRESS/x'}}\n"


def test_who_judges_tokens_is_asked_about_one_that_nobody_has(tmp_path: Path, serve: Serve) -> None:
    asked: list[bytes] = []

    def judge(request: object, connection: object) -> None:
        asked.append(request.body)  # type: ignore[attr-defined]
        connection.send(response(b'{"active": false}'))  # type: ignore[attr-defined]

    assert tried(tmp_path, JUDGE.replace("ADDRESS", serve(judge))).said == "it judges tokens"
    assert asked == [b"token=fastgw-check&token_type_hint=access_token"]
    assert failed(tmp_path, JUDGE.replace("ADDRESS", serve(canned(response(b'{"x": 1}')))))[0] == "content"
    cause, detail = failed(tmp_path, JUDGE.replace("ADDRESS", serve(canned(response(status="401 No")))))
    assert cause == "status" and "client_id or client_secret" in detail


def test_who_judges_requests_is_reached_and_shown_none(tmp_path: Path, serve: Serve) -> None:
    shown: list[object] = []
    found = tried(tmp_path, AUTHORITY.replace("ADDRESS", serve(lambda request, _: shown.append(request))))
    assert found.said.startswith("it takes connections") and shown == []
    assert failed(tmp_path, AUTHORITY.replace("ADDRESS", f"127.0.0.1:{free_port()}"))[0] == "refused"

"""Streams of model servers behind a running gateway: one of it for all that is asked here, by the ``openai`` package and by bytes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import openai
import pytest
import requests

from tests.support.gateway import GatewayProcess
from tests.support.model_streams import BUSY, DONE, HEAD, HI, LAST, ROLE, STOP, chunk
from tests.support.upstream import Connection, Received, UpstreamServer

pytestmark = pytest.mark.integration

CONFIG = """\
listeners: [{address: "127.0.0.1:$port", protocols: [http/1.1, h2]}]
admin: {address: "127.0.0.1:$admin"}
workers: 1
routes: [{path: /v1/*, models: true}]
services:
  a: {endpoints: ["127.0.0.1:$one"], retry: {attempts: 1}, streams: {first_token_timeout: 500ms, keep_alive: 300ms}}
  b: {endpoints: ["127.0.0.1:$two"]}
models:
  big: {service: a, fallback: [small]}
  lone: {service: a}
  small: {service: b}
"""


class Service:
    """What answers as the user of the request says."""

    def __init__(self) -> None:
        self.gone = threading.Event()

    def __call__(self, request: Received, connection: Connection) -> None:
        how = json.loads(request.body)["user"]
        connection.send(HEAD + chunk(ROLE))
        if how == "busy":
            connection.send(chunk(BUSY) + LAST)
        elif how == "silent":
            self._see_it_go(connection)
        elif how == "breaks":
            connection.send(chunk(HI) + chunk(HI[:20]))
            connection.close()
        elif how == "left":
            connection.send(chunk(HI))
            self._see_it_go(connection)
        else:
            connection.send(chunk(HI) + chunk(STOP) + chunk(DONE) + LAST)

    def _see_it_go(self, connection: Connection) -> None:
        connection.socket.settimeout(10)
        if not connection.socket.recv(1):
            self.gone.set()
        connection.close()


def healthy(request: Received, connection: Connection) -> None:
    """Answer well."""
    connection.send(HEAD + chunk(HI) + chunk(STOP) + chunk(DONE) + LAST)


def test_streams_fail_over_before_their_content_and_say_so_behind_it(
    gateway: Callable[..., GatewayProcess], service: Callable[..., UpstreamServer]
) -> None:
    first = Service()
    a, b = service(first), service(healthy)
    config = CONFIG.replace("$one", str(a.port)).replace("$two", str(b.port))
    running = gateway(config)
    client = openai.OpenAI(base_url=f"{running.base_url}/v1", api_key="x", max_retries=0, timeout=10)

    def ask(model: str, how: str) -> list[str]:
        stream = client.chat.completions.create(
            model=model, user=how, stream=True, messages=[{"role": "user", "content": "hi"}]
        )
        return [one.choices[0].delta.content or "" for one in stream]

    assert ask("big", "well") == ["", "hi", ""]
    assert ask("big", "busy") == ["hi", ""]
    assert ask("big", "silent") == ["hi", ""] and first.gone.wait(5)
    with pytest.raises(openai.APIStatusError) as busy:
        ask("lone", "busy")
    assert busy.value.status_code == 529 and busy.value.code == "error_event"
    told = busy.value.response.headers
    assert (told["retry-after-ms"], told["x-should-retry"]) == ("1000", "true")
    with pytest.raises(openai.APIStatusError) as late:
        ask("lone", "silent")
    assert late.value.status_code == 504 and late.value.code == "first_token_timeout"
    for _ in range(2):  # on one connection: what broke off has ended properly
        with pytest.raises(openai.APIError) as broken:
            ask("big", "breaks")
        assert not isinstance(broken.value, openai.APIConnectionError) and broken.value.code == "upstream_reset"
    first.gone.clear()
    with requests.post(
        f"{running.base_url}/v1/chat/completions", json={"model": "big", "user": "left"}, stream=True, timeout=10
    ) as answer:
        pieces = answer.iter_content(None)
        came = b""
        while b": keep-alive\n\n" not in came:
            came += next(pieces)
        assert came.startswith(ROLE + HI)
    assert first.gone.wait(5)

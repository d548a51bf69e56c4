"""Which member a request to a model goes to, of a running gateway with two workers."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import requests

from tests.support.gateway import GatewayProcess, wait_until
from tests.support.upstream import Connection, Received, Script, UpstreamServer, echo, response

pytestmark = pytest.mark.integration

CONFIG = """\
listeners: [{address: "127.0.0.1:$port", trusted_proxies: [127.0.0.1]}]
admin: {address: "127.0.0.1:$admin"}
workers: 2
routes: [{path: /v1/*, models: true, service: llm, filters: [guard]}]
services:
  llm: {endpoints: [$members], balance: prefix_hash, endpoint_picker: true}
  tuned: {endpoints: [$members], model_lists: {path: /list, interval: 200ms, timeout: 200ms}}
filters: {guard: {type: guardrails, max_tokens: 100, max_choices: 2}}
models:
  big: {service: llm, as: org/big}
  "lora-*": {service: tuned}
"""


def engine(number: int) -> Script:
    """A model server that has an adapter of its own."""
    models = json.dumps({"data": [{"id": "base"}, {"id": f"lora-{number}", "parent": "base"}]}).encode()

    def script(request: Received, connection: Connection) -> None:
        if request.target == b"/list":
            connection.send(response(models, fields=[("content-type", "application/json")]))
        else:
            echo(request, connection)

    return script


def listed(running: GatewayProcess) -> list[str]:
    """The names of the models, by one of the workers."""
    found = requests.get(f"{running.base_url}/v1/models", timeout=5).json()["data"]
    return [one["id"] for one in found]


def test_where_requests_to_models_go(
    gateway: Callable[..., GatewayProcess], service: Callable[..., UpstreamServer]
) -> None:
    members = [service(engine(number)) for number in range(3)]
    running = gateway(CONFIG.replace("$members", ", ".join(f'"127.0.0.1:{one.port}"' for one in members)))
    system = {"role": "system", "content": "Be brief."}
    for turn in range(3):
        for chat in range(12):
            said = [{"role": "user", "content": f"{chat}: {number}"} for number in range(turn + 1)]
            body = {"model": "big", "messages": [system, *said]}
            # a connection of its own each, so both workers have some
            assert requests.post(f"{running.base_url}/v1/chat/completions", json=body, timeout=5).status_code == 200
    where: dict[bytes, set[int]] = {}
    for place, one in enumerate(members):
        for request in (request for request in one.requests if request.body):
            where.setdefault(request.body.split(b'"content": "')[2].split(b":")[0], set()).add(place)
    assert len(where) == 12 and all(len(places) == 1 for places in where.values())
    fields = {"x-gateway-destination-endpoint": f"169.254.169.254:80,127.0.0.1:{members[1].port}"}
    answers = [requests.get(f"{running.base_url}/v1/other", headers=fields, timeout=5) for _ in range(4)]
    assert [one.status_code for one in answers] == [200] * 4
    assert sum(one.target == b"/v1/other" for one in members[1].requests) == 4
    body = {"model": "big", "messages": [], "max_tokens": 1000}
    assert requests.post(f"{running.base_url}/v1/chat/completions", json=body, timeout=5).status_code == 200
    assert any(b'"max_tokens": 100}' in request.body for one in members for request in one.requests)
    refused = requests.post(f"{running.base_url}/v1/chat/completions", json={**body, "n": 3}, timeout=5)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "n")
    wait_until(lambda: len(listed(running)) == 4)  # each worker asks nobody: the supervisor has told them
    assert listed(running) == ["big", "lora-0", "lora-1", "lora-2"]
    for number in (2, 0, 1) * 3:
        body = {"model": f"lora-{number}", "prompt": "tell me"}
        assert requests.post(f"{running.base_url}/v1/completions", json=body, timeout=5).status_code == 200
    for number, one in enumerate(members):
        asked = [json.loads(request.body)["model"] for request in one.requests if b"tell me" in request.body]
        assert asked == [f"lora-{number}"] * 3
    metrics = running.admin("/metrics")
    assert 'fastgw_prefix_picks_total{placement="owner",service="llm"} 36' in metrics
    assert 'fastgw_endpoint_picker_picks_total{outcome="another",service="llm"} 4' in metrics

"""Which member a request to a model goes to, of a running gateway with two workers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from tests.support.gateway import GatewayProcess
from tests.support.upstream import UpstreamServer, echo

pytestmark = pytest.mark.integration

CONFIG = """\
listeners: [{address: "127.0.0.1:$port", trusted_proxies: [127.0.0.1]}]
admin: {address: "127.0.0.1:$admin"}
workers: 2
routes: [{path: /v1/*, models: true, service: llm, filters: [guard]}]
services:
  llm: {endpoints: [$members], balance: prefix_hash, endpoint_picker: true}
filters: {guard: {type: guardrails, max_tokens: 100, max_choices: 2}}
models:
  big: {service: llm, as: org/big}
"""


def test_conversations_stay_where_they_began(
    gateway: Callable[..., GatewayProcess], service: Callable[..., UpstreamServer]
) -> None:
    members = [service(echo) for _ in range(3)]
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
        for request in one.requests:
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
    metrics = running.admin("/metrics")
    assert 'fastgw_prefix_picks_total{placement="owner",service="llm"} 36' in metrics
    assert 'fastgw_endpoint_picker_picks_total{outcome="another",service="llm"} 4' in metrics

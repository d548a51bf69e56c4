"""Which member a request to a model goes to, of a running gateway with two workers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from tests.support.gateway import GatewayProcess
from tests.support.upstream import UpstreamServer, echo

pytestmark = pytest.mark.integration

CONFIG = """\
listeners: [{address: "127.0.0.1:$port"}]
admin: {address: "127.0.0.1:$admin"}
workers: 2
routes: [{path: /v1/*, models: true}]
services:
  llm: {endpoints: [$members], balance: prefix_hash}
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
    assert 'fastgw_prefix_picks_total{placement="owner",service="llm"} 36' in running.admin("/metrics")

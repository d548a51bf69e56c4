"""``ip_rules``: who passes, and what those are told who do not."""

from __future__ import annotations

import json

import pytest

from fastgw.core import counters
from fastgw.core.labels import DENIERS
from fastgw.filters.ip_rules import IpRules
from fastgw.testing.edge import GET, Edge, Spy, body_of, statuses

DENIED = counters.ROUTE_DENIED + DENIERS.index("ip_rules")
RULES = (("deny", "10.0.0.66"), ("allow", "10.0.0.0/8"), ("deny", "10.9.0.0/16"))


def rules(otherwise: str = "deny") -> IpRules:
    return IpRules("office", {"rules": RULES, "otherwise": otherwise})


@pytest.mark.parametrize(
    ("address", "otherwise", "status"),
    [
        ("10.0.0.1", "deny", []),
        ("10.9.0.1", "deny", []),  # the first that has it decides
        ("10.0.0.66", "deny", [403]),
        ("10.0.0.66", "allow", [403]),
        ("192.0.2.1", "deny", [403]),
        ("192.0.2.1", "allow", []),
        ("::ffff:10.0.0.66", "allow", [403]),
        ("2001:db8::1", "deny", [403]),
    ],
)
def test_the_first_rule_that_has_the_address_decides(address: str, otherwise: str, status: list[int]) -> None:
    edge = Edge(filters=[rules(otherwise)])
    client = edge.client(GET, extra={"peername": (address, 50000)})
    assert statuses(client.take()) == status
    assert edge.of_route(DENIED) == len(status)
    edge.end()


@pytest.mark.parametrize(("address", "rule"), [("10.0.0.66", "deny 10.0.0.66"), ("192.0.2.1", "no rule has it")])
def test_the_log_has_the_rule_and_the_client_does_not(address: str, rule: str) -> None:
    told: list[str] = []
    spy = Spy("spy", [], done=lambda exchange: told.append(exchange.error.reason))
    edge = Edge(filters=[spy, rules()])
    data = edge.client(GET, extra={"peername": (address, 50000)}).take()
    problem = json.loads(body_of(data))
    assert problem["type"] == "urn:fastgw:error:address_denied"
    assert problem["detail"] == "requests of this address are not accepted here"
    assert told == [f"requests of this address are not accepted here: {rule}, says the filter 'office'"]
    edge.end()

"""What EndpointSlices say of members."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.core.settings import Address
from fastgw.discovery.endpoint_slices import merge, read
from fastgw.discovery.listing import ListedMember, Skipped
from tests.support.kubernetes import slice_of


def addresses(*slices: dict[str, Any], port: str = "") -> list[str]:
    return [str(one.address) for one in merge([read(one, port) for one in slices], "7").members]


@pytest.mark.parametrize(
    ("conditions", "is_member"),
    [
        ({}, True),
        ({"ready": None}, True),
        ({"ready": True}, True),
        ({"ready": True, "serving": False}, True),
        ({"ready": False}, False),
        ({"ready": False, "serving": True}, False),
        ({"ready": False, "serving": True, "terminating": False}, False),
        ({"ready": False, "serving": True, "terminating": True}, True),
        ({"ready": False, "serving": None, "terminating": True}, False),
        ({"ready": False, "serving": False, "terminating": True}, False),
    ],
)
def test_who_is_a_member_where_nobody_else_is(conditions: dict[str, bool], is_member: bool) -> None:
    assert addresses(slice_of("10.0.0.1", **conditions)) == ["10.0.0.1:8000"] * is_member


def test_who_terminates_is_one_only_where_nobody_is_ready() -> None:
    leaving = slice_of("10.0.0.1", ready=False, serving=True, terminating=True)
    assert addresses(leaving, slice_of("10.0.0.2")) == ["10.0.0.2:8000"]
    assert addresses(leaving, slice_of("10.0.0.2", ready=False)) == ["10.0.0.1:8000"]


def test_slices_are_read_together() -> None:
    six = slice_of("2001:db8::1", kind="IPv6")
    found = merge([read(one, "") for one in (slice_of("10.0.0.1", "10.0.0.2"), slice_of("10.0.0.2"), six)], "7")
    assert [str(one.address) for one in found.members] == ["10.0.0.1:8000", "10.0.0.2:8000", "[2001:db8::1]:8000"]
    assert (found.skipped, found.revision) == ((), "7")  # an endpoint that moves from one to another is in both
    assert merge([], "8") == ((), (), "8")


def test_what_is_known_of_a_member() -> None:
    slice_ = slice_of("10.0.0.1", "10.0.0.2")
    slice_["endpoints"][0] |= {"zone": "eu-1", "nodeName": "n1", "targetRef": {"kind": "Pod", "name": "web-a"}}
    slice_["endpoints"][0]["addresses"].append("10.9.9.9")  # means nothing
    slice_["endpoints"][1] |= {"zone": None, "targetRef": {"kind": "Node", "name": "n"}, "conditions": None}
    assert merge([read(slice_, "")], "7").members == (
        ListedMember(Address("10.0.0.1", 8000), 1, "eu-1", (("node", "n1"), ("pod", "web-a"))),
        ListedMember(Address("10.0.0.2", 8000)),
    )


TWO = [
    {"name": "http", "port": 80},
    {"name": "metrics", "port": 90, "protocol": "TCP"},
    {"name": "quic", "port": 80, "protocol": "UDP"},
]


@pytest.mark.parametrize(
    ("ports", "wanted", "found"),
    [
        (TWO, "http", 80),
        (TWO, "metrics", 90),
        (TWO, "90", 90),
        (TWO, "", "has 2 ports for TCP, and no port is named"),
        (TWO, "quic", "has no port quic for TCP"),
        (TWO, "91", "has no port 91 for TCP"),
        ([{"port": 80}], "", 80),
        ([{"name": None, "port": 80, "protocol": None}], "80", 80),
        ([], "", "has no ports for TCP, and no port is named"),
        (None, "http", "has no port http for TCP"),
        ([{"name": "http", "port": None}, 7, None], "http", "has no port http for TCP"),
    ],
)
def test_which_port(ports: Any, wanted: str, found: int | str) -> None:
    slice_ = slice_of("10.0.0.1") | {"ports": ports, "metadata": {"name": "web-x"}}
    one = read(slice_, wanted)
    if isinstance(found, int):
        assert [member.address.port for member in one.ready] == [found]
    else:
        assert one.skipped == (Skipped("web-x", found),) and not one.ready


def test_what_is_none_costs_no_other() -> None:
    bad = slice_of("10.0.0.1", "web.test", "0.0.0.0") | {"metadata": {"name": "web-x"}}
    bad["endpoints"] += [None, {}, {"addresses": []}, {"addresses": [7]}]
    found = merge([read(one, "") for one in (bad, slice_of("web.test", kind="FQDN"), None, slice_of("10.0.0.2"))], "7")
    assert [str(one.address) for one in found.members] == ["10.0.0.1:8000", "10.0.0.2:8000"]
    assert [one.entry for one in found.skipped] == [f"web-x, endpoint {place}" for place in range(1, 7)] + [
        "without a name"
    ] * 2
    assert found.skipped[-2].reason == "has addresses of the type FQDN"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=5,
)
ENDPOINT = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("addresses", "conditions", "zone", "nodeName", "targetRef"), VALUES)
)
LISTS = st.lists(ENDPOINT, max_size=3) | VALUES
SLICES = st.fixed_dictionaries(
    {"addressType": st.just("IPv4") | VALUES, "ports": st.just([{"port": 80}]) | VALUES},
    optional={"endpoints": LISTS, "metadata": VALUES},
)


@given(VALUES | SLICES)
def test_whatever_a_slice_is_it_is_read(value: object) -> None:
    merge([read(value, ""), read(slice_of("10.0.0.2"), "")], "7").members[0]

"""Keys of limits: who shares one, and who does not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.filters.keys import Keys


class Seat:
    """Tells keys apart by all that they are made of."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, ...]] = []

    def key_of(self, *parts: bytes) -> int:
        self.asked.append(parts)
        return hash(parts)


SEAT = Seat()


def exchange(
    address: str = "10.0.0.1", route: str = "r", listener: str = "l", field: bytes | None = None, **notes: Any
) -> Any:
    return SimpleNamespace(
        plane=SimpleNamespace(seat=SEAT),
        client=SimpleNamespace(address=address.encode()),
        route=SimpleNamespace(name=route),
        listener=SimpleNamespace(name=listener),
        request=SimpleNamespace(header=lambda name: field if name == b"x-key" else None),
        notes=notes or None,
    )


@pytest.mark.parametrize(
    ("per", "other", "is_same"),
    [
        ("route", {"address": "10.0.0.2", "listener": "m"}, True),
        ("route", {"route": "s"}, False),
        ("listener", {"route": "s"}, True),
        ("listener", {"listener": "m"}, False),
        ("filter", {"route": "s", "listener": "m", "address": "10.0.0.2"}, True),
        ("address", {"route": "s"}, True),
        ("address", {"address": "10.0.0.2"}, False),
        ("header:x-key", {"address": "10.0.0.2"}, True),
        ("header:x-key", {"field": b"a"}, False),
        ("claim:sub", {"jwt": {"sub": "ann"}}, False),
        ("claim:sub", {"jwt": {"tenant": "a"}, "address": "10.0.0.2"}, True),
        ("claim:a.b", {"jwt": {"a.b": 7}}, False),
        ("note:jwt.sub", {"jwt": {"sub": "ann"}}, False),
        ("note:mtls", {"mtls": "ann"}, False),
        ("note:mtls", {"basic": "ann"}, True),
        ("api_key", {"api_key": "ann"}, False),
        ("key", {"key": "ann"}, False),
        ("key", {"api_key": "ann"}, False),
        ("user", {"basic": "ann"}, False),
        ("user", {"jwt": {"sub": "ann"}}, False),
        ("model", {"model": "big"}, False),
        ("model", {"asked_model": SimpleNamespace(entry="big"), "model": "big-1"}, False),
        ("label:team", {"labels": {"team": "a"}}, False),
        ("label:team", {"labels": {"other": "a"}}, True),
        ("api_key", {"field": b"a"}, True),
        (("address", "header:x-key"), {"route": "s"}, True),
        (("address", "header:x-key"), {"address": "10.0.0.2"}, False),
        (("address", "header:x-key"), {"field": b"a"}, False),
        (("route", "listener"), {"route": "s"}, False),
        (("route", "listener"), {"address": "10.0.0.2"}, True),
    ],
)
def test_who_shares_a_key(per: str | tuple[str, ...], other: dict[str, Any], is_same: bool) -> None:
    keys = Keys(per, b"limit")
    assert (keys.of(exchange()) == keys.of(exchange(**other))) is is_same


def test_addresses_of_one_network_of_ipv6_share_a_key() -> None:
    keys = Keys("address", b"limit")
    found = [keys.of(exchange(one)) for one in ("2001:db8::1", "2001:db8::9:1", "2001:db8:0:1::1", "fe80::1%eth0")]
    assert found[0] == found[1]
    assert len(set(found)) == 3


def test_limits_do_not_share_keys_and_neither_do_words() -> None:
    found = {
        Keys(per, *limit).of(exchange()) for per in ("route", "listener", "filter") for limit in ((b"a",), (b"b",))
    }
    assert len(found) == 6


def test_names_of_the_configuration_are_hashed_once() -> None:
    keys = Keys("route", b"once")
    before = len(SEAT.asked)
    assert keys.of(exchange()) == keys.of(exchange())
    assert len(SEAT.asked) == before + 1


@pytest.mark.parametrize(
    ("per", "expected"),
    [
        ("route", False),
        ("listener", False),
        ("filter", False),
        ("address", True),
        ("header:x", True),
        ("claim:x", True),
        ("api_key", True),
        (("route", "listener"), False),
        (("route", "address"), True),
    ],
)
def test_whose_keys_they_are(per: str | tuple[str, ...], expected: bool) -> None:
    assert Keys(per).are_of_clients is expected


def test_values_do_not_run_into_each_other() -> None:
    keys = Keys(("note:a", "note:b"), b"limit")
    assert keys.of(exchange(a="xy", b="z")) != keys.of(exchange(a="x", b="yz"))


def test_what_the_log_calls_it() -> None:
    assert (Keys("route").text, Keys(("address", "claim:sub")).text) == ("route", "address and claim:sub")

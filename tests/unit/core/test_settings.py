"""What the data plane is told: addresses as text, and tuples without defaults."""

from __future__ import annotations

import pytest

from fastgw.core import settings
from fastgw.core.settings import Address, RedisSettings, Url


def test_addresses_are_written_as_they_are_read() -> None:
    assert str(Address("127.0.0.1", 80)) == "127.0.0.1:80"
    assert str(Address("::1", 80)) == "[::1]:80"
    assert str(Address(path="/run/x")) == "unix:/run/x"


def test_a_name_is_what_must_be_looked_up() -> None:
    hosts = ("localhost", "1a.test", "10.0.0.1", "::1", "fe80::1%lo", "")
    assert [host for host in hosts if Address(host, 80).is_name] == ["localhost", "1a.test"]
    assert not Address(path="/run/x.sock").is_name


@pytest.mark.parametrize(
    "kind", [one for one in vars(settings).values() if hasattr(one, "_fields") and one not in (Address, Url)]
)
def test_defaults_stand_in_the_schema_alone(kind: type[tuple[object, ...]]) -> None:
    assert kind._field_defaults == {}  # type: ignore[attr-defined]


def test_a_place_is_told_without_what_is_secret() -> None:
    there = RedisSettings("::1", 1, "", 2, True, "", False, "u", "secret", 1.0)
    assert str(Address(inside="handlers")) == "handlers"
    assert str(there) == "rediss://[::1]:1/2"
    assert str(there._replace(host="a", is_tls=False)) == "redis://a:1/2"
    assert str(there._replace(socket="/run/r")) == "unix:///run/r?db=2"

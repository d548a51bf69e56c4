"""What a registry is asked for: names, and where it is."""

from __future__ import annotations

import pytest

from fastgw.core.settings import Address
from fastgw.discovery.listing import listed
from fastgw.registration.registry import RegisteredMember, RegisteredName, endpoint_of, service_name, time_to_live


def test_what_an_entry_is_known_by() -> None:
    name = RegisteredMember("vision", listed("[2001:db8::5]:9000", 3)).name
    assert name == RegisteredName("vision", Address("2001:db8::5", 9000)) and str(name) == "vision/[2001:db8::5]:9000"


@pytest.mark.parametrize("service", ["", "a/b", "-a", "a b", "x" * 200])
def test_names_that_are_none(service: str) -> None:
    with pytest.raises(ValueError, match="no name of a service"):
        service_name(service)


def test_names_and_times_that_can_be() -> None:
    assert service_name("vision-2.x_y@eu") == "vision-2.x_y@eu" and time_to_live(2) == 2
    for wrong in (1.9, 0, -1, float("nan")):
        with pytest.raises(ValueError, match="time to live"):
            time_to_live(wrong)


def test_where_a_registry_is() -> None:
    assert endpoint_of(" https://[::1]/", 8500, "Consul") == (True, "::1", 8500)
    assert endpoint_of("http://a:1", 8500, "Consul") == (False, "a", 1)
    for wrong in ("", "a:2379", "ftp://a", "http://a/path", "http://user:pw@a", "http://a:99999", "http://a?b"):
        with pytest.raises(ValueError):
            endpoint_of(wrong, 8500, "Consul")

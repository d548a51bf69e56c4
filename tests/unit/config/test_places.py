"""Where an address is on this host."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from fastgw.config import places as module
from fastgw.config.places import known_places, places_of, shared_keys
from fastgw.core.settings import ANY_HOST, Address

HOSTS = {"localhost": ["127.0.0.1", "::1", "127.0.0.1"], "edge.test": ["10.0.0.1"]}


@pytest.fixture(autouse=True)
def _hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        if host not in HOSTS:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in HOSTS[host]]

    monkeypatch.setattr(module.socket, "getaddrinfo", getaddrinfo)


def test_a_name_is_every_address_that_it_has() -> None:
    assert places_of(Address("localhost", 80)) == (Address("127.0.0.1", 80), Address("::1", 80))


@pytest.mark.parametrize("address", [Address("10.0.0.1", 80), Address("::", 80), Address(path="/x")])
def test_others_are_themselves(address: Address) -> None:
    assert places_of(address) == (address,)


def test_any_address_of_ipv6_may_be_any_of_ipv4_too() -> None:
    assert places_of(Address("::", 80), ipv6_only=False) == (Address(ANY_HOST, 80),)
    assert not Address(ANY_HOST, 80).is_name


def test_a_name_without_an_address() -> None:
    with pytest.raises(OSError, match="not known"):
        places_of(Address("gone.test", 80))
    assert known_places(Address("gone.test", 80)) == ()


def test_what_would_be_shared(tmp_path: Path) -> None:
    assert shared_keys(Address("10.0.0.1", 80)) == (Address("10.0.0.1", 80),)
    assert shared_keys(Address(ANY_HOST, 80)) == (Address("::", 80), Address("0.0.0.0", 80))
    os.symlink(tmp_path, tmp_path / "link")
    one, other = (Address(path=str(tmp_path / path)) for path in ("x.sock", "link/x.sock"))
    assert shared_keys(one) == shared_keys(other)

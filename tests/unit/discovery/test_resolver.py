"""One look-up, by the real library, of a name server on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.core.live.news import NOT_FOUND, SILENT
from fastgw.discovery import resolver
from fastgw.discovery.look_ups import FAILED, Found, LookUpError, SrvTarget
from fastgw.discovery.resolver import look_up, look_up_targets
from tests.support.gateway import wait_until
from tests.support.nameserver import FAILS, NameServer, Records, Services
from tests.support.nameserver import SILENT as SAYS_NOTHING
from tests.support.ports import free_port


@pytest.fixture
def server() -> Iterator[NameServer]:
    names: dict[str, Records | Services | str] = {
        "two.test": Records("127.0.0.2", "127.0.0.3", ttl=7),
        "both.test": Records("::1", "127.0.0.1", ttl=30),
        "empty.test": Records(),
        "broken.test": FAILS,
        "dumb.test": SAYS_NOTHING,
        "half.test": Records("127.0.0.1", "::1", fails=6),
        "many.test": Records(*(f"10.0.{n // 250}.{n % 250 + 1}" for n in range(500)), ttl=3),
        "_http._tcp.up.test": Services((10, 5, 9000, "two.test"), (20, 0, 9001, "Both.test."), ttl=9),
        "_http._tcp.many.test": Services(*((0, 1, port, "two.test") for port in range(1, 501))),
        "_http._tcp.off.test": Services((0, 0, 0, ".")),
        "_http._tcp.broken.test": FAILS,
    }
    with NameServer(names) as running:
        yield running


def find(server: NameServer, host: str, limit: float = 5.0) -> Found:
    return asyncio.run(look_up(host, [server.address], limit))


def test_addresses_and_their_time_to_live(server: NameServer) -> None:
    found = find(server, "two.test")
    assert sorted(found.addresses) == ["127.0.0.2", "127.0.0.3"]
    assert found.ttl == 7


def test_both_families(server: NameServer) -> None:
    assert sorted(find(server, "both.test").addresses) == ["127.0.0.1", "::1"]


def test_hosts_file_counts_and_has_no_time_to_live(server: NameServer) -> None:
    found = find(server, "localhost")
    assert "127.0.0.1" in found.addresses
    assert found.ttl == 0
    assert not server.asked


def test_localhost_has_what_the_hosts_file_says_and_no_more(
    server: NameServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """c-ares makes up the other family, where another process may be, or none."""
    hosts = tmp_path / "hosts"
    monkeypatch.setattr(resolver, "HOSTS", str(hosts))
    found = find(server, "localhost").addresses  # without the file: whatever c-ares says
    for address in found:
        hosts.write_text(f"10.0.0.1 a.test\n{address} ip6-x LOCALHOST # ::2 localhost\n\n")
        assert find(server, "localhost").addresses == (address,)


@pytest.mark.parametrize(
    ("host", "cause", "said"),
    [
        ("gone.test", NOT_FOUND, "does not exist"),
        ("empty.test", NOT_FOUND, "has no address"),
        ("broken.test", FAILED, "SERVFAIL"),
        ("dumb.test", SILENT, "was not answered for"),
    ],
)
def test_what_a_failure_is_called(server: NameServer, host: str, cause: str, said: str) -> None:
    with pytest.raises(LookUpError) as caught:
        find(server, host, limit=0.5)
    assert caught.value.cause == cause
    assert said in caught.value.detail


def test_no_name_server_is_there() -> None:
    with pytest.raises(LookUpError) as caught:
        asyncio.run(look_up("a.test", [f"127.0.0.1:{free_port()}"], 2.0))
    assert (caught.value.cause, caught.value.detail) == (FAILED, "cannot be looked up: no name server can be reached")


def test_a_look_up_is_bounded_in_time(server: NameServer) -> None:
    """c-ares goes on through its servers and its search list; whoever waits does not."""
    begin = time.monotonic()
    with pytest.raises(LookUpError) as caught:
        asyncio.run(look_up("dumb.test", [server.address, server.address.replace("0.0.1", "0.0.9")], 0.3))
    assert caught.value.cause == SILENT
    assert time.monotonic() - begin < 3


def test_a_silent_name_delays_no_other(server: NameServer) -> None:
    async def story() -> None:
        silent = [asyncio.create_task(look_up("dumb.test", [server.address], 30.0)) for _ in range(20)]
        await asyncio.to_thread(wait_until, lambda: server.asked["dumb.test"])
        async with asyncio.timeout(10):
            assert (await look_up("two.test", [server.address], 5.0)).addresses
        assert not any(task.done() for task in silent)
        for task in silent:
            task.cancel()
        await asyncio.gather(*silent, return_exceptions=True)

    asyncio.run(story())


def test_an_empty_answer_is_not_remembered(server: NameServer) -> None:
    with pytest.raises(LookUpError):
        find(server, "empty.test")
    server.names["empty.test"] = Records("127.0.0.4")
    assert find(server, "empty.test").addresses == ("127.0.0.4",)


def test_nothing_is_left_on_the_loop(server: NameServer) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        watched = set(loop._selector.get_map())  # type: ignore[attr-defined]
        await look_up("two.test", [server.address], 5.0)
        assert set(loop._selector.get_map()) == watched  # type: ignore[attr-defined]

    before = threading.active_count()
    for _ in range(5):
        asyncio.run(story())
    assert threading.active_count() <= before + 1  # one thread of c-ares closes all channels


def test_one_family_alone(server: NameServer) -> None:
    async def ask(host: str, family: socket.AddressFamily) -> tuple[str, ...]:
        return (await look_up(host, [server.address], 5.0, family)).addresses

    assert asyncio.run(ask("both.test", socket.AF_INET6)) == ("::1",)
    assert asyncio.run(ask("half.test", socket.AF_INET)) == ("127.0.0.1",)
    with pytest.raises(LookUpError, match="SERVFAIL"):
        asyncio.run(ask("half.test", socket.AF_INET6))
    assert find(server, "half.test").addresses == ("127.0.0.1",)  # of both, what there is


def test_what_is_too_large_for_a_datagram_is_asked_for_by_tcp(server: NameServer) -> None:
    found = find(server, "many.test")
    assert len(set(found.addresses)) == 500 and found.ttl == 3
    assert server.streams
    targets = asyncio.run(look_up_targets("_http._tcp.many.test", [server.address])).targets
    assert sorted(one.port for one in targets) == list(range(1, 501))


def test_targets_of_a_service(server: NameServer) -> None:
    found = asyncio.run(look_up_targets("_http._tcp.up.test", [server.address]))
    assert sorted(found.targets) == [SrvTarget("Both.test", 9001, 20, 0), SrvTarget("two.test", 9000, 10, 5)]
    assert found.ttl == 9
    assert asyncio.run(look_up_targets("_http._tcp.off.test", [server.address])).targets == (SrvTarget("", 0, 0, 0),)


@pytest.mark.parametrize(
    ("name", "cause", "said"),
    [
        ("_http._tcp.gone.test", NOT_FOUND, "does not exist"),
        ("two.test", NOT_FOUND, "has no"),
        ("_http._tcp.broken.test", FAILED, "SERVFAIL"),
        ("dumb.test", SILENT, "was not answered for"),
    ],
)
def test_what_is_said_where_there_are_no_targets(server: NameServer, name: str, cause: str, said: str) -> None:
    with pytest.raises(LookUpError) as caught:
        asyncio.run(look_up_targets(name, [server.address], 0.5))
    assert caught.value.cause == cause and said in caught.value.detail


def test_names_are_searched_for(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``search`` of /etc/resolv.conf says: here by the environment, which c-ares reads too."""
    monkeypatch.setenv("LOCALDOMAIN", "test")
    monkeypatch.setenv("RES_OPTIONS", "ndots:5")
    assert sorted(find(server, "two").addresses) == ["127.0.0.2", "127.0.0.3"]
    found = asyncio.run(look_up_targets("_http._tcp.up", [server.address]))
    assert len(found.targets) == 2
    assert not server.asked["two"] and not server.asked["_http._tcp.up"]  # first with the domain: there are few dots

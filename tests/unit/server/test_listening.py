from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.config.bind_spec import AccessSpec, BindSpec
from fastgw.core.settings import ANY_HOST, Address
from fastgw.errors import ConfigError
from fastgw.server import listening as module
from fastgw.server.listening import (
    Listening,
    NoSuchAddress,
    bind,
    bind_admin,
    bind_all,
    handshakes,
    hold,
    is_shared,
    silence,
)

LOOPBACK = Address("127.0.0.1", 0)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def port_of(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port


def nothing_given(spec: BindSpec, place: Address) -> None:
    """No socket is there beforehand."""


def test_each_worker_has_a_socket_of_its_own_on_one_port() -> None:
    listening = bind(LOOPBACK, 3)
    assert len({listening.of_worker(index).fileno() for index in range(3)}) == 3
    assert len({port_of(sock) for sock in listening.sockets}) == 1
    assert listening.bound == f"127.0.0.1:{port_of(listening.sockets[0])}"
    listening.grow(4)
    assert len(listening.sockets) == 4
    listening.shrink(2)
    assert len(listening.sockets) == 2
    listening.close()


def test_nobody_connects_before_the_start() -> None:
    listening = bind(LOOPBACK, 1)
    port = port_of(listening.sockets[0])
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    listening.start()
    connect(port).close()
    listening.close()


def test_a_taken_address_is_one_sentence_with_the_address_and_advice() -> None:
    first = bind(LOOPBACK, 1)
    first.start()
    address = Address("127.0.0.1", port_of(first.sockets[0]))
    with pytest.raises(ConfigError) as raised:
        bind(address, 1)
    (sentence,) = raised.value.problems
    assert str(address) in sentence and "taken" in sentence and "FASTGW_UPGRADE" in sentence
    second = bind(address, 1, takeover=True)
    second.start()
    second.close()
    first.close()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (Address("192.0.2.1", 8080), "no such address"),
        (Address(path="/no/such/folder/x.sock"), "No such file"),
    ],
)
def test_other_failures_say_what_is_wrong(address: Address, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        bind(address, 1)
    assert words in raised.value.problems[0] and str(address) in raised.value.problems[0]


def test_ipv6_is_bound_for_itself() -> None:
    listening = bind(Address("::1", 0), 1)
    assert listening.bound.startswith("[::1]:")
    listening.close()


class TestUnix:
    def test_one_socket_for_all_workers(self, tmp_path: Path) -> None:
        path = str(tmp_path / "gw.sock")
        listening = bind(Address(path=path), 3)
        assert not os.path.exists(path)
        listening.start()
        assert listening.of_worker(0) is listening.of_worker(2)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        listening.close()
        assert os.listdir(tmp_path) == []

    def test_the_file_of_a_process_that_died_is_replaced(self, tmp_path: Path) -> None:
        path = str(tmp_path / "gw.sock")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        listening = bind(Address(path=path), 1)
        listening.start()
        listening.close()

    def test_a_living_socket_is_taken_over_only_if_asked(self, tmp_path: Path) -> None:
        path = str(tmp_path / "gw.sock")
        first = bind(Address(path=path), 1)
        first.start()
        with pytest.raises(ConfigError, match="taken"):
            bind(Address(path=path), 1)
        second = bind(Address(path=path), 1, takeover=True)
        second.start()
        first.close()
        with socket.socket(socket.AF_UNIX) as client:  # the first left the second's file alone
            client.connect(path)
        second.close()
        assert os.listdir(tmp_path) == []

    def test_another_file_is_not_overwritten(self, tmp_path: Path) -> None:
        path = tmp_path / "precious"
        path.write_text("data")
        with pytest.raises(ConfigError, match="not a socket"):
            bind(Address(path=str(path)), 1)
        assert path.read_text() == "data"


def test_a_held_socket_keeps_its_queue_and_gets_nothing_new() -> None:
    listening = bind(LOOPBACK, 1)
    listening.start()
    sock = listening.sockets[0]
    port = port_of(sock)
    early = connect(port)
    hold(sock)
    late = socket.socket()
    late.setblocking(False)
    assert late.connect_ex(("127.0.0.1", port)) == 115  # EINPROGRESS: its SYN is not answered
    accepted, _ = sock.accept()
    early.sendall(b"still here")
    assert select.select([accepted], [], [], 5)[0] and accepted.recv(100) == b"still here"
    with pytest.raises(BlockingIOError):
        sock.accept()
    assert handshakes([port]) == 0
    for one in (early, late, accepted):
        one.close()
    listening.close()


def test_a_successor_on_the_port_is_seen() -> None:
    first = bind(LOOPBACK, 2)
    first.start()
    assert not is_shared(first.sockets)
    address = Address("127.0.0.1", port_of(first.sockets[0]))
    second = bind(address, 1, takeover=True)
    second.start()
    assert is_shared(first.sockets) and is_shared(second.sockets)
    second.close()
    assert not is_shared(first.sockets)
    first.close()


# --- names, families, access


def test_every_address_of_a_name_is_bound() -> None:
    spec = BindSpec(Address("localhost", 0), (Address("127.0.0.1", 0), Address("::1", 0)))
    bound, warnings = bind_all(spec, lambda place: bind(place, 1))
    assert [listening.address for listening in bound] == list(spec.places)
    assert warnings == []
    for listening in bound:
        listening.close()


def test_an_address_of_a_name_that_this_host_does_not_have_is_a_warning() -> None:
    spec = BindSpec(Address("edge.test", 0), (Address("192.0.2.1", 0), Address("127.0.0.1", 0)))
    (listening,), (warning,) = bind_admin(spec, lambda _: False, nothing_given)
    assert listening.address == spec.places[1]
    assert "192.0.2.1:0" in warning and "no such address" in warning
    listening.close()


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ((), "edge.test:80: the name has no address"),
        ((Address("192.0.2.1", 0), Address("198.51.100.7", 0)), "no such address"),
    ],
)
def test_a_name_of_which_nothing_can_be_bound(places: tuple[Address, ...], said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        bind_admin(BindSpec(Address("edge.test", 80), places), lambda _: False, nothing_given)
    assert said in raised.value.problems[0]


def test_an_address_of_a_name_that_is_taken_is_refused() -> None:
    with bound_by_somebody() as taken:
        spec = BindSpec(Address("edge.test", 0), (LOOPBACK, Address("127.0.0.1", taken)))
        with pytest.raises(ConfigError) as raised:
            bind_admin(spec, lambda _: False, nothing_given)
    assert "taken" in raised.value.problems[0]
    assert not isinstance(raised.value, NoSuchAddress)


@contextlib.contextmanager
def bound_by_somebody() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield port_of(other)


def test_ipv6_takes_ipv4_too_where_that_is_asked_for() -> None:
    both = bind(Address(ANY_HOST, 0), 1)
    both.start()
    assert both.bound == f"*:{port_of(both.sockets[0])}"
    connect(port_of(both.sockets[0])).close()
    both.close()
    six = bind(Address("::", 0), 1)
    six.start()
    with pytest.raises(ConnectionRefusedError):
        connect(port_of(six.sockets[0]))
    six.close()


def test_a_unix_socket_has_its_mode_before_it_has_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    listening = bind(Address(path=str(path)), 1, access=AccessSpec(mode=0o620))
    (beside,) = tmp_path.iterdir()
    assert stat.S_IMODE(beside.stat().st_mode) == 0o620
    listening.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o620
    listening.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a socket away")
def test_a_unix_socket_has_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    listening = bind(Address(path=str(path)), 1, access=AccessSpec(0o660, 1234, 4321))
    listening.start()
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 4321, 0o660)
    listening.close()


def test_an_owner_that_is_not_allowed_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(ConfigError) as raised:
        bind(Address(path=str(tmp_path / "x.sock")), 1, access=AccessSpec(user=0))
    assert "not allowed to give the socket to that owner" in raised.value.problems[0]
    assert list(tmp_path.iterdir()) == []


def test_sockets_that_are_silenced_finish_their_handshakes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [2, 1, 0]
    asked: list[set[int]] = []

    def pending(ports: set[int]) -> int:
        asked.append(ports)
        return left.pop(0)

    monkeypatch.setattr(module, "handshakes", pending)
    listening = bind(Address("127.0.0.1", 0), 2)
    listening.start()
    port = listening.sockets[0].getsockname()[1]
    asyncio.run(silence(listening.sockets))
    assert left == [] and asked == [{port}] * 3
    listening.close()


def test_a_successor_has_the_first_sockets_and_the_file(tmp_path: Path) -> None:
    listening = bind(Address("127.0.0.1", 0), 3)
    listening.leave(2)
    assert listening.separate == listening.sockets[2:]
    listening.close()
    path = tmp_path / "edge"
    ours = bind(Address(path=str(path)), 1)
    ours.start()
    theirs = Listening(ours.address, [ours.sockets[0].dup()], file=ours.file)
    theirs.close()
    assert path.exists()  # not theirs yet
    theirs = Listening(ours.address, [ours.sockets[0].dup()], file=ours.file)
    theirs.own()
    ours.leave(1)
    ours.close()
    assert path.exists()
    theirs.close()
    assert not path.exists()

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fastgw.config.spec import GatewaySpec
from fastgw.core.settings import ANY_HOST, Address
from fastgw.errors import ConfigError
from fastgw.server.inherited import Inherited, inherited
from fastgw.server.listening import adopt
from tests.unit.config.files import read

FIRST = 300  #: instead of 3, which pytest may have

Give = Callable[..., Inherited]
Spec = Callable[..., GatewaySpec]


@pytest.fixture
def give() -> Iterator[Give]:
    """``give(sock, ..., names=)``: start with these descriptors, as a manager would let us."""
    made: list[Inherited] = []

    def start(*files: socket.socket | int, names: str = "", **environ: str) -> Inherited:
        for index, file in enumerate(files):
            number = file if isinstance(file, int) else file.fileno()
            os.dup2(number, FIRST + index)
        told = {"LISTEN_FDS": str(len(files)), "LISTEN_PID": "77", **({"LISTEN_FDNAMES": names} if names else {})}
        told |= environ
        try:
            made.append(inherited(told, 77, FIRST))
        finally:
            assert not told  # it is for nobody after us
        return made[-1]

    yield start
    for one in made:
        one.close()


def listener(
    host: str = "127.0.0.1", family: socket.AddressFamily = socket.AF_INET, *, dual: bool = False
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual)
    sock.bind((host, 0))
    sock.listen()
    return sock


def port(sock: socket.socket) -> int:
    found: int = sock.getsockname()[1]
    return found


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    """``spec(address, ..., admin=)``: listeners l0, l1, ... there; an address may have more keys behind it."""

    def make(*addresses: str, admin: str = "") -> GatewaySpec:
        listeners = [f"  - {{name: l{index}, address: {address}}}" for index, address in enumerate(addresses)]
        text = "\n".join(["listeners:", *listeners, "routes:", "  - {path: /*, reply: {status: 204}}"])
        return read(tmp_path, text + (f"\nadmin: {{address: {admin}}}" if admin else ""))

    return make


def test_one_is_for_the_listener_with_its_address(give: Give, spec: Spec) -> None:
    with listener() as sock, listener() as other:
        given = give(sock, other)
        address = Address("127.0.0.1", port(sock))
        found = given.assign(spec(str(address), f"127.0.0.1:{port(other)}"))
        assert found.listeners[0].bind.places == (address,)
        listening = adopt(address, given)
        assert listening is not None and listening.of_worker(0) is listening.of_worker(5)
        listening.grow(4)
        listening.start()
        listening.shrink(1)
        assert len(listening.sockets) == 1 and not listening.separate and listening.bound == str(address)
        assert not os.get_inheritable(FIRST) and not os.get_blocking(FIRST)
        listening.close()
        again = adopt(address, given)  # a listener that came back
        assert again is not None
        again.close()
        assert adopt(Address("127.0.0.1", 1), given) is None


def test_a_name_is_stronger_than_an_address(give: Give, spec: Spec) -> None:
    with listener() as sock, listener() as second:
        given = give(sock, second, names="l0:l0")
        bind = given.assign(spec("0.0.0.0:8080", "0.0.0.0:9090")).listeners[0].bind
        assert bind.places == (Address("127.0.0.1", port(sock)), Address("127.0.0.1", port(second)))
        assert bind.address == bind.places[0]


def test_admin_has_a_name_too(give: Give, spec: Spec) -> None:
    with listener() as sock:
        given = give(sock, names="admin")
        admin = given.assign(spec("127.0.0.1:8080", admin="127.0.0.1:9901")).admin
        assert admin is not None and admin.places == (Address("127.0.0.1", port(sock)),)


def test_a_socket_for_ipv6_and_ipv4_is_that_of_any_host(give: Give, spec: Spec) -> None:
    with listener("::", socket.AF_INET6, dual=True) as both, listener("::1", socket.AF_INET6) as one:
        given = give(both, one)
        for address in (Address("::1", port(one)), Address(ANY_HOST, port(both))):
            found = given.at(address)
            assert found is not None
            found.close()
        given.assign(spec(f"'[::]:{port(both)}', ipv6_only: false", f"'[::1]:{port(one)}'"))


def test_the_file_of_a_unix_socket_stays(give: Give, tmp_path: Path) -> None:
    path = str(tmp_path / "edge.sock")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        given = give(sock)
        listening = adopt(Address(path=path), given)
        assert listening is not None
        listening.start()
        listening.close()
        assert os.path.exists(path)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"LISTEN_FDS": "many"}, "LISTEN_FDS is 'many'"),
        ({"LISTEN_FDS": "999999"}, "at most"),
        ({"LISTEN_FDNAMES": "a:b"}, "LISTEN_FDNAMES has 2 names, and LISTEN_FDS says 1"),
    ],
)
def test_variables_that_make_no_sense(give: Give, environ: dict[str, str], words: str) -> None:
    with listener() as sock, pytest.raises(ConfigError, match=words):
        give(sock, **environ)


@pytest.mark.parametrize("environ", [{}, {"LISTEN_FDS": "2"}, {"LISTEN_FDS": "2", "LISTEN_PID": "78"}])
def test_what_is_for_another_process_is_nothing(environ: dict[str, str]) -> None:
    assert not inherited(environ, 77, FIRST)


def test_what_is_no_listening_stream_socket(give: Give, tmp_path: Path) -> None:
    with (
        socket.socket() as deaf,
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
        (tmp_path / "file").open("w") as file,
        pytest.raises(ConfigError) as raised,
    ):
        give(deaf, datagrams, file.fileno(), names="a:b:c")
    told = raised.value.problems
    assert [re.findall(r"descriptor (\d+ \(.\))", one) for one in told] == [["300 (a)"], ["301 (b)"], ["302 (c)"]]
    assert all("ListenStream=" in one for one in told)


def test_the_same_address_twice(give: Give) -> None:
    with listener() as sock, pytest.raises(ConfigError, match=r"descriptor 301 \(127.* is there twice"):
        give(sock, sock)


def test_one_that_nobody_wants(give: Give, spec: Spec) -> None:
    with listener() as sock:
        given = give(sock, names="edge")
        with pytest.raises(ConfigError) as raised:
            given.assign(spec("127.0.0.1:8080", admin="127.0.0.1:9901"))
        (told,) = raised.value.problems
        assert f"descriptor 300 (edge, 127.0.0.1:{port(sock)})" in told and "FileDescriptorName=" in told
        assert "listener l0: 127.0.0.1:8080, the admin address: 127.0.0.1:9901" in told


def test_one_that_two_want(give: Give, spec: Spec) -> None:
    with listener() as sock:
        given = give(sock, names="l0")
        with pytest.raises(ConfigError, match="is for listener l0 and listener l1"):
            given.assign(spec("127.0.0.1:8080", f"127.0.0.1:{port(sock)}"))


def test_the_mode_of_the_file_is_the_managers(give: Give, spec: Spec, tmp_path: Path) -> None:
    path = str(tmp_path / "edge.sock")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        given = give(sock)
        with pytest.raises(ConfigError, match="SocketMode="):
            given.assign(spec(f"unix:{path}, mode: '0660'"))

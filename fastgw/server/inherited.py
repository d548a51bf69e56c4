"""Listening sockets that we are started with: socket activation by systemd (``sd_listen_fds(3)``).

The manager binds and listens, and hands the sockets over as descriptors 3 and up; ``LISTEN_FDS``, ``LISTEN_PID`` and
``LISTEN_FDNAMES`` say how many, for whom, and what they are called.  A socket is for the listener of that name, wherever
the file says that it is, or else for whoever has its address; ``admin`` is the name of the admin address, if no listener
is called so.

They stay open here as long as the gateway accepts, so that a listener may go and come back by reloads.  The manager has
them too: what waits in their queues when we end is for whoever it starts next.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, NamedTuple

from fastgw.core.settings import ANY_HOST, Address
from fastgw.errors import ConfigError

if TYPE_CHECKING:
    from fastgw.config.bind_spec import BindSpec
    from fastgw.config.spec import GatewaySpec

FIRST = 3  #: the first descriptor that is handed over
VARIABLES = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
ADMIN = "admin"  #: the name of a socket for the admin address
MAX_SOCKETS = 1024  #: more than any manager hands over


class Given(NamedTuple):
    """One socket of the manager."""

    number: int  #: as which descriptor it came
    name: str
    address: Address
    sock: socket.socket

    def __str__(self) -> str:
        return f"descriptor {self.number} ({f'{self.name}, ' if self.name else ''}{self.address})"


class Inherited:
    """The sockets that a gateway was started with; most often none."""

    def __init__(self, given: tuple[Given, ...] = ()) -> None:
        self._given = given

    def __len__(self) -> int:
        return len(self._given)

    def __iter__(self) -> Iterator[Given]:
        return iter(self._given)

    def at(self, place: Address) -> socket.socket | None:
        """A copy of the socket at ``place``, if there is one; the caller closes it."""
        for one in self._given:
            if one.address == place:
                return one.sock.dup()
        return None

    def assign(self, spec: GatewaySpec) -> GatewaySpec:
        """``spec`` with the places of the sockets that have the name of a listener.

        Raises:
            ConfigError: a socket is for nobody, so that whoever connects to it would wait for ever; or it is for two; or its
                file shall get another mode or owner than the manager gave it.
        """
        if not self._given:
            return spec
        listeners = tuple(one._replace(bind=self._by_name(one.name, one.bind)) for one in spec.listeners)
        spec = spec._replace(listeners=listeners)
        if spec.admin is not None and all(one.name != ADMIN for one in listeners):
            bind = self._by_name(ADMIN, spec.admin.bind)
            spec = spec._replace(admin=spec.admin._replace(address=bind.address, places=bind.places))
        self._check(spec)
        return spec

    def _by_name(self, name: str, bind: BindSpec) -> BindSpec:
        places = tuple(one.address for one in self._given if one.name == name)
        return bind._replace(address=places[0], places=places) if places else bind

    def _check(self, spec: GatewaySpec) -> None:
        from fastgw.config.bind_spec import AS_CREATED

        named = [(f"listener {one.name}", one.bind) for one in spec.listeners]
        if spec.admin is not None:
            named.append(("the admin address", spec.admin.bind))
        problems = []
        for given in self._given:
            users = [(who, bind) for who, bind in named if given.address in bind.places]
            if not users:
                there = ", ".join(f"{who}: {' '.join(map(str, bind.places))}" for who, bind in named)
                problems.append(
                    f"{given} of the service manager is for nobody: no listener has its name or its address ({there}); "
                    "give the socket the name of a listener (FileDescriptorName=), or remove it"
                )
            elif len(users) > 1:
                problems.append(f"{given} of the service manager is for {' and '.join(who for who, _ in users)}")
            elif users[0][1].access != AS_CREATED:
                problems.append(
                    f"{given} of the service manager has the mode and owner that the manager gave it: say them there "
                    f"(SocketMode=, SocketUser=, SocketGroup=) and not at {users[0][0]}"
                )
        if problems:
            raise ConfigError(problems)

    def close(self) -> None:
        """Close our side of all of them."""
        for one in self._given:
            one.sock.close()
        self._given = ()


def inherited(environ: MutableMapping[str, str] = os.environ, pid: int | None = None, first: int = FIRST) -> Inherited:
    """Take over the sockets that ``environ`` tells of; the variables are removed, since they are for nobody after us.

    Without the variables, or with those of another process (``pid``: ours), there are none.

    Raises:
        ConfigError: the variables make no sense, or a descriptor is no listening stream socket.
    """
    count, whose, names = (environ.pop(name, "") for name in VARIABLES)
    if not count or whose != str(os.getpid() if pid is None else pid):
        return Inherited()
    if not (count.isascii() and count.isdigit()) or int(count) > MAX_SOCKETS:
        raise ConfigError([f"LISTEN_FDS is {count!r}, and should be a number of at most {MAX_SOCKETS}"])
    given: list[Given] = []
    problems: list[str] = []
    told = names.split(":") if names else [""] * int(count)
    if len(told) != int(count):
        problems.append(f"LISTEN_FDNAMES has {len(told)} names, and LISTEN_FDS says {count} descriptors")
    for number, name in zip(range(first, first + int(count)), told, strict=False):
        try:
            given.append(_adopt(number, name))
        except OSError as error:
            problems.append(
                f"descriptor {number}{f' ({name})' if name else ''} of the service manager is no listening stream socket "
                f"({error.strerror}); give it by ListenStream= and Accept=no"
            )
    for index, one in enumerate(given):
        if any(one.address == other.address for other in given[:index]):
            problems.append(f"{one} is there twice; once is enough, the workers share it")
    result = Inherited(tuple(given))
    if problems:
        result.close()
        raise ConfigError(problems)
    return result


def _adopt(number: int, name: str) -> Given:
    """The socket that descriptor ``number`` is, for no child of ours; raise OSError."""
    if not stat.S_ISSOCK(os.fstat(number).st_mode):
        raise OSError(0, "it is a file")
    os.set_inheritable(number, False)
    sock = socket.socket(fileno=number)
    try:
        if sock.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
            raise OSError(0, f"its family is {sock.family!r}")
        if sock.type != socket.SOCK_STREAM:
            raise OSError(0, f"its type is {sock.type!r}")
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise OSError(0, "it does not listen")
        sock.setblocking(False)  # several processes accept: who comes second must not wait there
        return Given(number, name, _address(sock), sock)
    except OSError:
        sock.close()
        raise


def _address(sock: socket.socket) -> Address:
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:  # bytes: an abstract one
        return Address(path=name if isinstance(name, str) else "@" + name[1:].decode(errors="backslashreplace"))
    host, port = name[:2]
    is_any = host == "::" and not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    return Address(ANY_HOST if is_any else host, port)


def predecessor(environ: Mapping[str, str]) -> int:
    """Process id of the gateway to take over from (``FASTGW_UPGRADE``), or 0; raise ConfigError."""
    text = environ.get("FASTGW_UPGRADE", "")
    if not text:
        return 0
    with contextlib.suppress(ValueError, OSError):
        if (pid := int(text)) > 1:
            os.kill(pid, 0)
            return pid
    raise ConfigError([f"FASTGW_UPGRADE is {text!r}, which is not the id of a process that we may signal"])

"""Listening sockets: bind, take over, and let go without losing a connection.

TCP: one ``SO_REUSEPORT`` socket per worker and address, so that the kernel spreads connections and a worker that died
leaves its accept queue to its successor.  Unix: one socket for all workers, because the kernel has no such spreading
there; a socket that the service manager made (``server.inherited``) is shared in the same way.

Sockets are bound when a configuration is prepared, which finds a taken address while the old configuration can still be
kept, and listen (``start``) when it is committed: only then does the kernel give them connections.

Closing one of several ``SO_REUSEPORT`` sockets resets what waits in its queue and what is still in the handshake,
although another process may be there to serve it.  So ``hold`` first makes the socket deaf to new SYNs (a classic
socket filter; the client repeats the SYN a second later, and then only the successor is left), ``handshakes`` tells
when the last handshake is through, and the worker accepts until nothing waits before it closes.
"""

from __future__ import annotations

import array
import contextlib
import errno
import os
import socket
import stat
import struct
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from fastgw.config.bind_spec import AS_CREATED, AccessSpec, BindSpec
from fastgw.core.settings import ANY_HOST, Address
from fastgw.errors import ConfigError

if TYPE_CHECKING:
    from fastgw.server.inherited import Inherited

HANDSHAKE_LIMIT = 1.0  #: seconds that ``silence`` waits for handshakes under way
BACKLOG = 4096  #: connections waiting for accept, per socket; the kernel takes the smaller of it and net.core.somaxconn
_FLAGS = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
_SO_ATTACH_FILTER = 26
_TCP_LISTEN = "0A"
_TCP_SYN_RECV = "03"
# Classic BPF, run on the TCP header: drop if of SYN and ACK (flags, byte 13) only SYN is set, else keep.
_DROP_SYN = ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


class NoSuchAddress(ConfigError):
    """This host does not have the address, or not its family."""


class Listening:
    """The sockets of one address; its host is no name."""

    __slots__ = ("_beside", "_inode", "_kept", "address", "file", "is_common", "is_ours", "sockets")

    def __init__(
        self,
        address: Address,
        sockets: list[socket.socket],
        beside: str = "",
        *,
        is_ours: bool = True,
        file: tuple[int, int] | None = None,
    ) -> None:
        """``file``: of a unix socket that is bound already, which ``own`` makes ours to remove."""
        self.address = address
        self.sockets = sockets  #: one per worker, or one for all
        self.is_ours = is_ours  #: did we bind it, or does it listen already, and goes on when we have closed it?
        self.is_common = bool(address.path) or not is_ours  #: one for all workers
        self._beside = beside  # where a unix socket is bound until ``start``
        self.file = _inode(beside) if beside else file  #: of a unix socket: what tells its file from another's
        self._inode = self.file if beside else None  # of the file that is ours to remove
        self._kept = 0  # sockets that a successor has too

    def of_worker(self, index: int) -> socket.socket:
        """The socket that worker ``index`` accepts on."""
        return self.sockets[0] if self.is_common else self.sockets[index]

    @property
    def separate(self) -> list[socket.socket]:
        """The sockets that are each of one worker, whose queue nobody else accepts from."""
        return [] if self.is_common else self.sockets[self._kept :]

    @property
    def bound(self) -> str:
        """The address as bound: a port 0 is replaced by the one the kernel chose."""
        if self.address.path or not self.sockets:
            return str(self.address)
        return str(Address(self.address.host, self.sockets[0].getsockname()[1]))

    def grow(self, count: int) -> None:
        """Bind sockets for ``count`` workers, no fewer than now; raise ConfigError."""
        while not self.is_common and len(self.sockets) < count:
            port = self.sockets[0].getsockname()[1]
            self.sockets.append(_bind_tcp(Address(self.address.host, port), reuse=True))

    def start(self) -> None:
        """Let the kernel queue connections on every socket; raise ConfigError.  Doing it twice changes nothing."""
        try:
            for sock in self.sockets if self.is_ours else ():
                sock.listen(BACKLOG)
            if self._beside:
                os.rename(self._beside, self.address.path)  # at no time is there no socket to connect to
                self._beside = ""
        except OSError as error:
            raise ConfigError([_sentence(self.address, error)]) from None

    def shrink(self, count: int) -> None:
        """Close our side of the sockets of the workers from ``count`` on."""
        if not self.is_common:
            for sock in self.sockets[count:]:
                sock.close()
            del self.sockets[count:]

    def own(self) -> None:
        """A predecessor has left the sockets to us, and the file of a unix socket too."""
        self._inode = self.file

    def leave(self, kept: int) -> None:
        """A successor has the first ``kept`` sockets too, and the file of a unix socket is his."""
        self._kept, self._inode = kept, None

    def close(self) -> None:
        """Close our side of every socket, and remove the file of a unix socket unless a successor has put his there."""
        if self._inode is not None:
            path = self._beside or self.address.path
            with contextlib.suppress(OSError):
                if _inode(path) == self._inode:
                    os.unlink(path)
            self._inode = None
        for sock in self.sockets:
            sock.close()
        self.sockets.clear()


def bind_all(spec: BindSpec, bind_one: Callable[[Address], Listening]) -> tuple[list[Listening], list[str]]:
    """Bind every place of ``spec`` with ``bind_one``; return the sockets, and a warning for each address that this host does not have.

    Names often have one of those: in the hosts file of a container without IPv6 ``localhost`` is ::1 all the same.

    Raises:
        ConfigError: none of the places, or not all that this host has, can be bound; what was bound is for the caller to close.
    """
    if not spec.places:
        raise ConfigError(
            [f"cannot listen on {spec.address}: the name has no address; write an IP address of this host"]
        )
    bound: list[Listening] = []
    missing: list[str] = []
    for place in spec.places:
        try:
            bound.append(bind_one(place))
        except NoSuchAddress as error:
            missing += error.problems
    if not bound:
        raise ConfigError(missing)
    return bound, missing


def bind_admin(
    spec: BindSpec, takeover: Callable[[Address], bool], given: Callable[[BindSpec, Address], Listening | None]
) -> tuple[list[Listening], list[str]]:
    """The same for the admin address, which has one socket for each place.

    ``takeover``: as for ``bind``, by the place; ``given``: a socket for it that we were started with.

    Raises:
        ConfigError: nothing is left open.
    """
    opened: list[Listening] = []

    def bind_one(place: Address) -> Listening:
        opened.append(given(spec, place) or bind(place, 1, takeover(place), spec.access))
        return opened[-1]

    try:
        return bind_all(spec, bind_one)
    except ConfigError:
        for listening in opened:
            listening.close()
        raise


def adopt(address: Address, inherited: Inherited) -> Listening | None:
    """The socket that the service manager has made for ``address``, if it has."""
    sock = inherited.at(address)
    return None if sock is None else Listening(address, [sock], is_ours=False)


def bind(address: Address, count: int, takeover: bool = False, access: AccessSpec = AS_CREATED) -> Listening:
    """Bind for ``count`` workers; raise ConfigError with one sentence.

    ``address``: without a name.  ``access``: of a unix socket.  ``takeover``: another process may be listening there.
    Without it that is an error, because two gateways that share a port by accident are found out late.
    """
    if address.path:
        return _bind_unix(address, takeover, access)
    if not takeover:
        _bind_tcp(address, reuse=False).close()
    listening = Listening(address, [_bind_tcp(address, reuse=True)])
    try:
        listening.grow(count)
    except ConfigError:
        listening.close()
        raise
    return listening


def _bind_tcp(address: Address, reuse: bool) -> socket.socket:
    is_any = address.host == ANY_HOST
    host = "::" if is_any else address.host
    try:
        family, _, _, _, place = socket.getaddrinfo(
            host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )[0]
        sock = socket.socket(family, _FLAGS)
    except OSError as error:
        raise NoSuchAddress([_sentence(address, error)]) from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not is_any)
        sock.bind(place)
    except OSError as error:
        sock.close()
        kind = NoSuchAddress if error.errno == errno.EADDRNOTAVAIL else ConfigError
        raise kind([_sentence(address, error)]) from None
    return sock


def _bind_unix(address: Address, takeover: bool, access: AccessSpec) -> Listening:
    path = address.path
    beside = f"{path}.{os.getpid()}"
    sock = socket.socket(socket.AF_UNIX, _FLAGS)
    try:
        if not takeover and _answers(path):
            raise OSError(errno.EADDRINUSE, "")
        if _is_no_socket(path):
            raise FileExistsError(errno.EEXIST, "a file that is not a socket is there")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        sock.bind(beside)
        _permit(beside, access)  # before it has its name, or listens
        return Listening(address, [sock], beside)
    except OSError as error:
        sock.close()
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise ConfigError([_sentence(address, error)]) from None


def _permit(path: str, access: AccessSpec) -> None:
    if (access.user, access.group) != (-1, -1):
        try:
            os.chown(path, access.user, access.group)
        except PermissionError:
            raise PermissionError(
                errno.EPERM,
                "not allowed to give the socket to that owner; run as root, or as a member of the group "
                "(under systemd: the drop-in owner.conf)",
            ) from None
    if access.mode >= 0:
        os.chmod(path, access.mode)


def _answers(path: str) -> bool:
    """Is there a process behind the socket, or only the file of one that died?"""
    with socket.socket(socket.AF_UNIX, _FLAGS) as probe:
        return probe.connect_ex(path) in (0, errno.EAGAIN)  # EAGAIN: its accept queue is full


def _is_no_socket(path: str) -> bool:
    try:
        return not stat.S_ISSOCK(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def _inode(path: str) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino


def _sentence(address: Address, error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        reason = (
            "the address is taken; stop the process that has it, choose another address, or, if it is a fastgw "
            "to be replaced, set FASTGW_UPGRADE to its process id"
        )
    elif error.errno == errno.EADDRNOTAVAIL:
        reason = "this host has no such address; write one that `ip address` shows, or 0.0.0.0 for all"
    elif error.errno in (errno.EACCES, errno.EPERM) and not address.path:
        reason = (
            "not allowed; use a port from 1024 on, grant CAP_NET_BIND_SERVICE, or let systemd open the socket; where root was given up "
            "(user), a restart binds it too"
        )
    return f"cannot listen on {address}: {reason}"


def hold(sock: socket.socket) -> None:
    """Make a listening TCP socket deaf to new connections, in every process that has it.

    Handshakes under way and connections in the queue go on.
    """
    code = array.array("B", b"".join(struct.pack("=HBBI", *step) for step in _DROP_SYN))
    program = struct.pack("@HP", len(_DROP_SYN), code.buffer_info()[0])  # struct sock_fprog
    with contextlib.suppress(OSError):  # without it the window is wider, no more
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


async def silence(sockets: Collection[socket.socket]) -> None:
    """Keep new connections away from ``sockets``, and wait for the handshakes under way."""
    import asyncio  # not before the start is done

    for sock in sockets:
        hold(sock)
    ports = {sock.getsockname()[1] for sock in sockets}
    end = time.monotonic() + HANDSHAKE_LIMIT
    while handshakes(ports) and time.monotonic() < end:  # noqa: ASYNC110  the kernel has no event for it
        await asyncio.sleep(0.02)


def handshakes(ports: Iterable[int]) -> int:
    """Number of TCP handshakes under way on local ``ports``."""
    wanted = {f"{port:04X}" for port in ports}
    return sum(state == _TCP_SYN_RECV and port in wanted for port, state, _ in _tcp_table())


def is_shared(sockets: Iterable[socket.socket]) -> bool:
    """Does a socket that is not one of ``sockets`` listen on one of their ports, a successor's for instance?"""
    own = {os.fstat(sock.fileno()).st_ino for sock in sockets}
    ports = {f"{sock.getsockname()[1]:04X}" for sock in sockets}
    return any(state == _TCP_LISTEN and port in ports and inode not in own for port, state, inode in _tcp_table())


def _tcp_table() -> Iterator[tuple[str, str, int]]:
    """(local port in hex, state in hex, inode) of every TCP socket of this network namespace."""
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(name, encoding="ascii") as table:
            next(table, None)
            for line in table:
                fields = line.split(None, 10)
                yield fields[1].rpartition(":")[2], fields[3], int(fields[9])


def take_waiting(sock: socket.socket) -> tuple[list[tuple[socket.socket, Any]], OSError | None]:
    """Accept everybody who waits at a listening socket: their connections and addresses, and what kept us from accepting all of them."""
    sock.setblocking(False)
    waiting: list[tuple[socket.socket, Any]] = []
    while True:
        try:
            waiting.append(sock.accept())
        except BlockingIOError:
            return waiting, None
        except OSError as error:
            return waiting, error

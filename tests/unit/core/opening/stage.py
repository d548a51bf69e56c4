"""An entrance on a real socket, and a client of it that speaks TLS, for the tests of what comes before HTTP."""

from __future__ import annotations

import asyncio
import mmap
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import uvloop

from fastgw.core import counters
from fastgw.core.dataplane import DataPlane
from fastgw.core.exchange.ends import Client
from fastgw.core.net.handshake import ListenerContext
from fastgw.core.opening.entrance import Entrance
from fastgw.core.opening.opening import Terms
from fastgw.core.opening.openings import Openings
from fastgw.core.protocols import CLIENTS, make_client, make_pool
from fastgw.core.settings import Limits
from fastgw.core.slab import Counters
from fastgw.core.snapshot.chain import Chain
from fastgw.core.snapshot.snapshot import Listener, Snapshot
from fastgw.routing import Router
from fastgw.testing import usual
from tests.support.certificates import Authority

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LINE = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"
HEADER = Terms(None, has_header=True)


def context(authority: Authority, protocols: Iterable[str] = CLIENTS) -> ListenerContext:
    made = ListenerContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*authority.pair("edge", "edge.test"))
    made.set_alpn_protocols(protocols)
    return made


class Edge:
    """An entrance on a real socket, into a data plane without routes: what arrives gets a 404."""

    def __init__(
        self,
        terms: Terms,
        *,
        limits: Limits | None = None,
        head: float = 10.0,
        path: str = "",
        make: Callable[[DataPlane, Listener, str | None], Client] = make_client,
    ) -> None:
        self.loop = uvloop.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(lambda loop, context: self.errors.append(context))
        self.errors: list[dict[str, Any]] = []
        self.troubles: list[tuple[str, str, dict[str, Any]]] = []
        self.plane = DataPlane(
            self.loop, Counters(memoryview(mmap.mmap(-1, counters.SLAB_BYTES))), lambda: 0.0, make_pool=make_pool
        )
        fallback = usual.route("fallback", 0, chain=Chain())
        self.listener = usual.listener(
            "edge", Router([]), fallback, timeouts=usual.timeouts(head=head), limits=limits or usual.limits()
        )
        self.plane.install(Snapshot(1, {"edge": self.listener}))
        self.openings = Openings(
            self.plane, make, lambda event, cause, **fields: self.troubles.append((event, cause, fields))
        )
        sock = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        sock.bind(path or ("127.0.0.1", 0))
        sock.listen()
        self.entrance = Entrance(self.openings, "edge", sock, terms)
        self.address: Any = sock.getsockname()
        self.clients: list[socket.socket] = []

    def client(self, data: bytes = b"") -> socket.socket:
        client = socket.socket(socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET)
        client.connect(self.address)
        client.setblocking(False)
        client.sendall(data)
        self.clients.append(client)
        return client

    def until(self, condition: Callable[[], Any], limit: float = 5.0) -> Any:
        """Run the loop until ``condition`` is true; return it."""

        async def wait() -> Any:
            end = time.monotonic() + limit
            while not (found := condition()):
                assert time.monotonic() < end, "it did not come to that"
                await asyncio.sleep(0)
            return found

        return self.loop.run_until_complete(wait())

    def read(self, client: socket.socket) -> bytes:
        """The next bytes for ``client``; empty when its connection is closed."""
        found: list[bytes] = []

        def arrived() -> bool:
            try:
                found.append(client.recv(65536))
            except BlockingIOError:
                return False
            except ConnectionError:
                found.append(b"")
            return True

        self.until(arrived)
        return found[0]

    def count(self, index: int) -> int:
        return self.plane.values[index]

    def end(self) -> None:
        self.entrance.close()
        self.openings.close()
        for client in self.clients:
            client.close()
        self.until(lambda: not self.openings.pending and not self.plane.connections)
        self.plane.close()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        assert not self.errors


class Tls:
    """A client's side of TLS, one step at a time."""

    def __init__(
        self, edge: Edge, authority: Authority, prefix: bytes = b"", protocols: Iterable[str] = ("http/1.1",)
    ) -> None:
        self.edge = edge
        self.sock = edge.client(prefix)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = authority.client()
        client.set_alpn_protocols(protocols)  # none of them: nothing is said of it
        self.object = client.wrap_bio(self.incoming, self.outgoing, server_hostname="edge.test")

    def _run(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self.sock.sendall(self.outgoing.read())
                self.incoming.write(self.edge.read(self.sock))
            else:
                self.sock.sendall(self.outgoing.read())
                return done

    def meet(self, early: bytes = b"") -> None:
        """Do the handshake; ``early`` leaves with its last bytes."""

        def step() -> None:
            self.object.do_handshake()
            if early:
                self.object.write(early)

        self._run(step)

    def ask(self) -> bytes:
        self.meet()
        self._run(lambda: self.object.write(GET))
        return self.read()

    def read(self) -> bytes:
        """The next bytes of an answer; raises ssl.SSLError."""
        answer: bytes = self._run(lambda: self.object.read(65536))
        return answer

"""A scriptable service: a threaded server on raw sockets that answers with exactly the bytes a test wants.

The script is a function called once for each request on a connection::

    def script(request: Received, connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok")

Its return keeps the connection for the next request; ``connection.close()`` or ``connection.reset()`` ends it.  Delays
are events, never sleeps: ``connection.wait(event)`` blocks the thread of this connection until the test sets the event.
Ready scripts are at the end: ``canned``, ``echo``, ``hold``, ``chunks``, ``sse``.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

WAIT_LIMIT = 30.0  #: seconds that a script waits for an event before it gives up


class Received:
    """One request as it came."""

    def __init__(self, head: bytes, body: bytes, trailers: bytes) -> None:
        self.head = head  #: request line and fields, without the empty line
        self.body = body  #: with chunked framing removed
        self.trailers = trailers
        line, *fields = head.split(b"\r\n")
        self.method, self.target, self.version = line.split(b" ")
        self.fields = [(name.lower(), value.strip()) for name, _, value in (field.partition(b":") for field in fields)]

    def header(self, name: bytes) -> bytes | None:
        """Return the value of the first field ``name`` (lower case)."""
        return next((value for key, value in self.fields if key == name), None)

    def headers(self, name: bytes) -> list[bytes]:
        """Return the values of all fields ``name`` (lower case)."""
        return [value for key, value in self.fields if key == name]


class Connection:
    """One accepted connection, as a script sees it."""

    def __init__(self, peer: socket.socket) -> None:
        self.socket = peer
        self.is_open = True
        self._unread = b""

    def send(self, data: bytes) -> None:
        """Send all of ``data`` (a peer that went away raises OSError, which ends the connection)."""
        self.socket.sendall(data)

    def wait(self, event: threading.Event) -> None:
        """Block until the test sets ``event``."""
        if not event.wait(WAIT_LIMIT):
            raise TimeoutError(f"the test did not set the event within {WAIT_LIMIT} s")

    def wait_closed(self) -> bytes:
        """Block until the peer closes or resets; return what it still sent."""
        rest = b""
        with contextlib.suppress(ConnectionError):
            while data := self.socket.recv(65536):
                rest += data
        self.is_open = False
        return rest

    def close(self) -> None:
        """End the connection with FIN after this request."""
        self.is_open = False

    def reset(self) -> None:
        """End the connection with RST, at once."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        self.is_open = False

    def read_until(self, mark: bytes) -> bytes | None:
        """Return the bytes in front of ``mark``, which is consumed; None when the peer ends before it."""
        while mark not in self._unread:
            data = self.socket.recv(65536)
            if not data:
                return None
            self._unread += data
        found, _, self._unread = self._unread.partition(mark)
        return found

    def read_exactly(self, count: int) -> bytes:
        """Return ``count`` bytes; raise ConnectionError when the peer ends before."""
        parts = [self._unread[:count]]
        self._unread = self._unread[count:]
        missing = count - len(parts[0])
        while missing:
            data = self.socket.recv(min(missing, 1 << 20))
            if not data:
                raise ConnectionError(f"the peer ended with {missing} bytes missing")
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)

    def read_request(self, *, reads_body: bool = True, agrees: bool = True) -> Received | None:
        """Read one request; None when the peer ended.  ``agrees``: answer ``Expect: 100-continue`` with 100."""
        head = self.read_until(b"\r\n\r\n")
        if head is None:
            return None
        request = Received(head, b"", b"")
        if agrees and request.header(b"expect") == b"100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if reads_body:
            self.read_body(request)
        return request

    def read_body(self, request: Received) -> None:
        """Read the body of ``request``, framed as its fields say."""
        length = request.header(b"content-length")
        if length is not None:
            request.body = self.read_exactly(int(length))
        elif (request.header(b"transfer-encoding") or b"").lower() == b"chunked":
            request.body = b"".join(self.read_chunks())
            request.trailers = self._read_trailers()

    def read_chunks(self) -> Iterable[bytes]:
        """Yield the chunks up to the last one (of size 0); raise ConnectionError when the peer ends before it."""
        while size := int(self._read_line().partition(b";")[0], 16):
            yield self.read_exactly(size)
            assert self.read_exactly(2) == b"\r\n", "chunk data without its end"

    def _read_trailers(self) -> bytes:
        lines = []
        while line := self._read_line():
            lines.append(line)
        return b"\r\n".join(lines)

    def _read_line(self) -> bytes:
        line = self.read_until(b"\r\n")
        if line is None:
            raise ConnectionError("the peer ended within a chunked body")
        return line


Script = Callable[[Received, Connection], None]


class UpstreamServer:
    """The server; ``service`` of the test fixtures makes and stops it.

    ``reads_body``: False leaves the body to the script (``connection.read_body(request)``).
    ``tls``: speak TLS; a handshake that fails ends its connection.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        path: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
        reads_body: bool = True,
        agrees: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.script = script or echo
        self.tls = tls
        self.reads_body = reads_body
        self.agrees = agrees
        self.requests: list[Received] = []  #: in the order they were read, over all connections
        self.connections = 0  #: accepted so far
        self.errors: list[BaseException] = []  #: raised by scripts, other than by a peer that went away
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._stopping = False
        self._listener = self._listen(path, host, port)
        self.address = f"unix:{path}" if path else "{}:{}".format(*self._listener.getsockname())
        self.port: int = 0 if path else self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True, name="upstream")
        self._thread.start()

    def stop(self) -> None:
        """Close the listener and every connection."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        self.drop()

    def drop(self) -> None:
        """Close every open connection, as a restart would; the listener stays."""
        with self._lock:
            peers = list(self._open)
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> UpstreamServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @staticmethod
    def _listen(path: str, host: str, port: int) -> socket.socket:
        if path:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
        else:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
        listener.listen(512)
        return listener

    def _accept(self) -> None:
        while not self._stopping:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            if peer.family != socket.AF_UNIX:
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                self._open.add(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True, name="upstream-connection").start()

    def _serve(self, peer: socket.socket) -> None:
        try:
            if self.tls is not None:
                peer = self._secured(peer, self.tls)
            connection = Connection(peer)
            while connection.is_open:
                request = connection.read_request(reads_body=self.reads_body, agrees=self.agrees)
                if request is None:
                    break
                with self._lock:
                    self.requests.append(request)
                self.script(request, connection)
        except OSError:
            pass  # the gateway went away: what happens then is seen at the client
        except BaseException as error:
            self.errors.append(error)
        finally:
            with self._lock:
                self._open.discard(peer)
            peer.close()

    def _secured(self, peer: socket.socket, context: ssl.SSLContext) -> socket.socket:
        with self._lock:
            self._open.discard(peer)
        secured = context.wrap_socket(peer, server_side=True)
        with self._lock:
            self._open.add(secured)
        return secured


def response(body: bytes = b"", *, status: str = "200 OK", fields: Iterable[tuple[str, str]] = ()) -> bytes:
    """Return a whole answer framed by content-length."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields), f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunk(data: bytes) -> bytes:
    """Return ``data`` as one chunk; the empty one is the last, with no trailers."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def canned(data: bytes) -> Script:
    """Answer every request with ``data``, whatever it is."""
    return lambda request, connection: connection.send(data)


def echo(request: Received, connection: Connection) -> None:
    """Answer with the request as JSON: method, target, version, fields, body (text, up to 64 KiB)."""
    seen: dict[str, Any] = {
        "method": request.method.decode("latin-1"),
        "target": request.target.decode("latin-1"),
        "version": request.version.decode("latin-1"),
        "fields": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.fields],
        "trailers": request.trailers.decode("latin-1"),
        "length": len(request.body),
        "body": request.body.decode("latin-1") if len(request.body) <= 65536 else "",
    }
    body = json.dumps(seen).encode()
    answer = response(body, fields=[("content-type", "application/json")])
    connection.send(answer.removesuffix(body) if request.method == b"HEAD" else answer)


def hold(event: threading.Event, then: Script = echo) -> Script:
    """Wait for ``event`` before ``then`` answers."""

    def script(request: Received, connection: Connection) -> None:
        connection.wait(event)
        then(request, connection)

    return script


def chunks(parts: Iterable[bytes], *, before_each: Callable[[Connection], object] = lambda connection: None) -> Script:
    """Answer with one chunk for each part; ``before_each`` may wait."""
    kept = list(parts)

    def script(request: Received, connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n")
        for part in kept:
            before_each(connection)
            connection.send(chunk(part))
        connection.send(chunk(b""))

    return script


def sse(events: Iterable[str], *, before_each: Callable[[Connection], object] = lambda connection: None) -> Script:
    """Answer with Server-Sent Events, one chunk for each event."""
    kept = [f"data: {event}\n\n".encode() for event in events]

    def script(request: Received, connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for event in kept:
            before_each(connection)
            connection.send(chunk(event))
        connection.send(chunk(b""))

    return script

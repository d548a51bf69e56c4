"""A minimal HTTP/1.1 client on a blocking socket: for checks, start-up times and idle connections, not for load."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

from bench.macro.errors import BenchError


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: header names in small letters, the last of repeated ones."""

    status: int
    headers: dict[str, str]
    body: bytes


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers of a response head (without the empty line)."""
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return int(first.split(" ")[1]), {name.strip().lower(): value.strip() for name, value in pairs}


def parse_echo(body: bytes) -> dict[str, str]:
    """Headers of a request head the service sent back (``?echo=1``)."""
    lines = body.decode("latin-1").split("\r\n")[1:]
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, value in pairs}


def connect(port: int, *, tls: bool = False, source: str = "", timeout: float = 5.0) -> socket.socket:
    """A connection to 127.0.0.1:port, from ``source`` if given; certificates are not verified (ours is self-signed)."""
    connection = socket.create_connection(("127.0.0.1", port), timeout, (source, 0) if source else None)
    if not tls:
        return connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname="edge.example")


def exchange(connection: socket.socket, request: bytes) -> Answer:
    """Send one request, read one answer (sized or chunked).  BenchError when the connection ends early."""
    connection.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += _receive(connection)
    head, data = data.split(b"\r\n\r\n", 1)
    status, headers = parse_head(head)
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while not data.endswith(b"0\r\n\r\n"):
            data += _receive(connection)
        return Answer(status, headers, _unchunk(data))
    size = int(headers.get("content-length", "0"))
    while len(data) < size:
        data += _receive(connection)
    return Answer(status, headers, data)


def _receive(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise BenchError("the gateway closed the connection in the middle of an answer")
    return data


def _unchunk(data: bytes) -> bytes:
    body, at = b"", 0
    while True:
        end = data.index(b"\r\n", at)
        size = int(data[at:end], 16)
        if size == 0:
            return body
        body += data[end + 2 : end + 2 + size]
        at = end + 2 + size + 2

"""What the tests of TLS and of the PROXY protocol do as a client, and as an operator."""

from __future__ import annotations

import json
import signal
import socket
import ssl
from typing import Any

from tests.support.gateway import GatewayProcess, wait_until

REQUEST = b"GET / HTTP/1.1\r\nhost: a.test\r\nx-client-cert-subject: CN=forged\r\n\r\n"


def secure(pair: tuple[str, str], **more: str) -> str:
    """The ``tls`` of a listener, as YAML."""
    keys = {"cert": pair[0], "key": pair[1], **more}
    return "tls: {" + ", ".join(f'{name}: "{value}"' for name, value in keys.items()) + "}"


def connect(port: int, context: ssl.SSLContext, name: str = "edge.test", prefix: bytes = b"") -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    try:
        plain.sendall(prefix)
        return context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


def ask(sock: socket.socket, request: bytes = REQUEST) -> tuple[int, dict[str, str], bytes]:
    """Status, fields and body of the answer."""
    sock.sendall(request)
    return read_answer(sock)


def read_answer(sock: socket.socket) -> tuple[int, dict[str, str], bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        assert more, f"the connection ended after {data!r}"
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    fields = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
    while len(body) < int(fields["content-length"]):
        body += sock.recv(65536)
    return int(line.split()[1]), fields, body


def forwarded(sock: socket.socket) -> dict[str, list[str]]:
    """Fields of a request as an echoing service saw them."""
    status, _, body = ask(sock)
    assert status == 200, body
    found: dict[str, list[str]] = {}
    for name, value in json.loads(body)["fields"]:
        found.setdefault(name, []).append(value)
    return found


def reload(running: GatewayProcess, text: str) -> None:
    """Let every worker serve by ``text``."""

    def done() -> int:
        return int(running.admin("/status")["reloads"]["ok"])

    before = done()
    running.write_config(text)
    running.signal(signal.SIGHUP)
    wait_until(lambda: done() > before, what="the reload is done")


def failures(running: GatewayProcess) -> int:
    found = [
        line
        for line in running.admin("/metrics").splitlines()
        if line.startswith("fastgw_tls_handshake_failures_total")
    ]
    return int(float(found[-1].split()[-1]))


def ended(sock: socket.socket) -> bool:
    """Whether the other side has closed; waits for it."""
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


def subject_of(sock: ssl.SSLSocket) -> str:
    certificate: Any = sock.getpeercert()
    return str(dict(one for part in certificate["subject"] for one in part)["commonName"])


def read_all(sock: socket.socket) -> bytes:
    data = b""
    try:
        while more := sock.recv(65536):
            data += more
    except ConnectionError:
        return data
    return data

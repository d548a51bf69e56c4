"""What the tests of the processes share: raw requests, and questions to the admin address."""

from __future__ import annotations

import json
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.support.gateway import GatewayProcess, wait_until
from tests.support.upstream import UpstreamServer, canned, response

Gateway = Callable[..., GatewayProcess]
Service = Callable[..., UpstreamServer]

REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


def say(word: bytes) -> Callable[..., None]:
    return canned(response(word))


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def ask(sock: socket.socket) -> bytes:
    """One request and its answer, on a connection that may be kept."""
    sock.sendall(REQUEST)
    return read_answer(sock)


def read_answer(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        assert more, f"the connection ended after {data!r}"
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        more = sock.recv(65536)
        assert more, "the connection ended in the body"
        body += more
    return head + b"\r\n\r\n" + body


def get(port: int) -> bytes:
    with connect(port) as sock:
        return ask(sock)


def admin_status(running: GatewayProcess, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(running.admin_url + path, timeout=5) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def workers(running: GatewayProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = running.admin("/status")["workers"]
    return found


def reload(running: GatewayProcess, text: str) -> None:
    """Write ``text``, send SIGHUP, wait until it is in use or refused."""
    before = sum(running.admin("/status")["reloads"].values())
    running.write_config(text)
    running.signal(signal.SIGHUP)
    wait_until(lambda: sum(running.admin("/status")["reloads"].values()) > before, what="the reload is done")


def events(running: GatewayProcess, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in running.read_log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]

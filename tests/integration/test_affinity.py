"""The cookie that brings clients back, in real processes."""

from __future__ import annotations

import re

import pytest

from tests.integration.processes import Gateway, Service, connect, read_answer, reload, say
from tests.support.gateway import GatewayProcess

pytestmark = pytest.mark.integration

CONFIG = """
workers: 2
admin: {{address: "127.0.0.1:$admin"}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port"}}
routes:
  - {{path: "/*", service: main}}
services:
  main:
    balance: random
    endpoints: [{members}]
    affinity: {{cookie: stay, secret: 0123456789abcdef}}
"""


def ask(running: GatewayProcess, cookie: bytes = b"") -> tuple[bytes, list[bytes]]:
    """Who has answered, and the cookies that were set."""
    line = b"Cookie: stay=" + cookie + b"\r\n" if cookie else b""
    with connect(running.port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" + line + b"Connection: close\r\n\r\n")
        head, _, body = read_answer(sock).partition(b"\r\n\r\n")
    return body, re.findall(rb"(?mi)^set-cookie: stay=([^;]+); Path=/; HttpOnly; SameSite=Lax\r?$", head + b"\r")


def test_clients_come_back_whichever_worker_they_meet(gateway: Gateway, service: Service) -> None:
    servers = {word: service(say(word)) for word in (b"a", b"b", b"c")}
    text = CONFIG.format(members=", ".join(f'"{one.address}"' for one in servers.values()))
    running = gateway(text)
    cookies: dict[bytes, bytes] = {}
    for _ in range(100):  # chance finds all three sooner or later
        who, (cookie,) = ask(running)
        assert cookies.setdefault(who, cookie) == cookie
        if len(cookies) == 3:
            break
    assert len(set(cookies.values())) == 3
    for who, cookie in cookies.items():
        assert [ask(running, cookie) for _ in range(6)] == [(who, [])] * 6
    without = {word: one for word, one in servers.items() if word != b"b"}
    reload(running, CONFIG.format(members=", ".join(f'"{one.address}"' for one in without.values())))
    assert ask(running, cookies[b"a"]) == (b"a", [])
    who, (cookie,) = ask(running, cookies[b"b"])
    assert cookies[who] == cookie and who in (b"a", b"c")

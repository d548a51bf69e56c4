"""The scriptable service of the integration tests answers with what it was told."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable

from tests.support.upstream import UpstreamServer, canned, chunks, hold, response, sse

Service = Callable[..., UpstreamServer]


def talk(server: UpstreamServer, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: peer.recv(65536), b""))


def test_echo_tells_what_came(service: Service) -> None:
    server = service()
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    for body in (b"one", [b"two", b"three"]):
        client.request("POST", "/a?b", body, {"x-k": "v"}, encode_chunked=isinstance(body, list))
        seen = json.loads(client.getresponse().read())
        assert seen["target"] == "/a?b" and ["x-k", "v"] in seen["fields"]
        assert seen["body"] == "".join(part.decode() for part in ([body] if isinstance(body, bytes) else body))
    client.close()
    assert server.connections == 1 and len(server.requests) == 2


def test_canned_bytes_and_pipelining(service: Service) -> None:
    server = service(canned(response(b"x", status="404 Not Found")))
    assert talk(server, b"GET / HTTP/1.1\r\n\r\n" * 2).count(b"404 Not Found") == 2


def test_hold_waits_for_its_event(service: Service) -> None:
    event = threading.Event()
    server = service(hold(event))
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        event.set()
        assert peer.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_chunked_streams(service: Service) -> None:
    assert talk(service(chunks([b"ab", b"c"])), b"GET / HTTP/1.1\r\n\r\n").endswith(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    assert b"data: hello\n\n" in talk(service(sse(["hello"])), b"GET / HTTP/1.1\r\n\r\n")


def test_expect_trailers_and_unix_sockets(service: Service, tmp_path: object) -> None:
    path = f"{tmp_path}/s"
    server = service(path=path)
    assert server.address == f"unix:{path}"
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(5)
        peer.connect(path)
        peer.sendall(b"PUT / HTTP/1.1\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n")
        assert peer.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(b"3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n")
        assert b'"x-sum: 1"' in peer.recv(4096)


def test_a_body_that_was_cut_is_no_request(service: Service) -> None:
    server = service()
    head = b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
    for cut in (b"", b"3\r\nabc\r\n", b"3\r\nab", b"3\r\nabc\r\n0\r\n", b"0\r\nx-sum: 1\r\n"):
        assert talk(server, head + cut) == b""
    assert talk(server, head + b"0\r\n\r\n").startswith(b"HTTP/1.1 200")
    assert len(server.requests) == 1 and not server.errors

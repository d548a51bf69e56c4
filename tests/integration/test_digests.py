"""``digest`` with real processes: no service takes another body for complete, and answers prove theirs."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import urllib.request

import pytest

from tests.integration.processes import Gateway, Service, connect, say
from tests.support.gateway import simple_config, wait_until
from tests.support.upstream import Connection, Received

pytestmark = pytest.mark.integration

BODY = b"0123456789abcdef" * 20_000  #: more than any buffer on its way holds
FILTER = "filters: {sum: {type: digest, require: true}}\n"


def told(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def ask(port: int, data: bytes, *, chunked: bool) -> tuple[int, str]:
    """Send ``data`` as BODY, and return the status and the digest of the answer."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    pieces = [data[at : at + 50_000] for at in range(0, len(data), 50_000)]
    fields = (
        {"Content-Digest": told(BODY)} if chunked else {"Content-Digest": told(BODY), "Content-Length": str(len(data))}
    )
    client.request("POST", "/", iter(pieces), fields, encode_chunked=chunked)
    answer = client.getresponse()
    assert told(answer.read()) == answer.headers["content-digest"]
    client.close()
    return answer.status, answer.headers["content-digest"]


def test_a_body_arrives_whole_and_right_or_not_at_all(gateway: Gateway, service: Service) -> None:
    complete: list[bytes] = []

    def script(request: Received, connection: Connection) -> None:
        complete.append(request.body)
        say(b"thanks")(request, connection)

    one = service(script)
    text = simple_config(one.address, route="filters: [sum], body_buffer: 0") + FILTER
    running = gateway(text)
    wrong = BODY[:-1] + b"!"
    for chunked in (False, True):
        assert ask(running.port, BODY, chunked=chunked) == (200, told(b"thanks"))
        assert ask(running.port, wrong, chunked=chunked)[0] == 400
    wait_until(lambda: len(complete) == 2, what="the service has the right ones")
    assert complete == [BODY, BODY]
    with urllib.request.urlopen(f"{running.admin_url}/metrics", timeout=10) as page:
        assert re.search(rb"^fastgw_digest_mismatches_total\{[^}]*\} 2(\.0)?$", page.read(), re.MULTILINE)


def test_a_digest_comes_behind_an_answer_whose_client_takes_trailers(gateway: Gateway, service: Service) -> None:
    one = service(say(BODY))
    running = gateway(simple_config(one.address, route="filters: [sum]") + FILTER)
    with connect(running.port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: TE, close\r\nTE: trailers\r\n\r\n")
        data = b""
        while more := sock.recv(65536):
            data += more
    assert data.endswith(f"\r\n0\r\ncontent-digest: {told(BODY)}\r\n\r\n".encode())

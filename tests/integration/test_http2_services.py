"""A service of HTTP/2 that others have made, behind a real gateway: by prior knowledge and by ALPN, for clients of both protocols."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.asking import together
from tests.support.certificates import Authority
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.ports import accepts, free_port

pytestmark = pytest.mark.integration

BIG = bytes(range(256)) * 1024  #: 256 KiB
CONFIG = """
listeners: [{{name: edge, address: "127.0.0.1:$port", protocols: [http/1.1, h2]}}]
admin: {{address: "127.0.0.1:$admin"}}
workers: 1
routes:
  - {{path: /plain/*, service: plain}}
  - {{path: /secure/*, service: secure}}
  - {{path: /chosen/*, service: chosen}}
  - {{path: /other/*, service: other}}
services:
  plain: {{endpoints: ["127.0.0.1:{plain}"], protocol: h2, health: {{path: /plain/health, body: well}}}}
  secure: {{endpoints: ["127.0.0.1:{secure}"], protocol: h2, tls: {{ca: {ca}, server_name: edge.test}}}}
  chosen: {{endpoints: ["127.0.0.1:{secure}"], protocol: auto, tls: {{ca: {ca}, server_name: edge.test}}}}
  other: {{endpoints: ["127.0.0.1:$admin"], protocol: h2}}
"""


@pytest.fixture
def ports(tmp_path: Path, pair: tuple[str, str]) -> Iterator[tuple[int, int]]:
    """Of nghttpd without TLS and with it; it serves ``/NAME/big``, and echoes what it is sent."""
    program = shutil.which("nghttpd") or shutil.which("nghttpd", path="/usr/sbin")
    if program is None:
        pytest.skip("nghttpd is not there")
    for name in ("plain", "secure", "chosen"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "big").write_bytes(BIG)
        (tmp_path / name / "health").write_text("well")
    plain, secure = free_port(), free_port()
    common = ["-d", str(tmp_path), "-a", "127.0.0.1", "--echo-upload"]
    commands = (
        [program, "--no-tls", *common, str(plain)],
        [program, *common, str(secure), pair[1], pair[0]],
    )
    running = [subprocess.Popen(one, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for one in commands]
    try:
        wait_until(lambda: accepts(plain) and accepts(secure), what="nghttpd")
        yield plain, secure
    finally:
        for one in running:
            one.terminate()
            one.wait(10)


def test_any_to_any(
    gateway: Callable[..., GatewayProcess],
    ports: tuple[int, int],
    authority: Authority,
) -> None:
    plain, secure = ports
    running = gateway(CONFIG.format(plain=plain, secure=secure, ca=authority.ca))
    for is_http2 in (False, True):
        with httpx2.Client(base_url=running.base_url, http1=not is_http2, http2=is_http2) as client:
            for name in ("plain", "secure", "chosen"):
                got = client.get(f"/{name}/big")
                assert (got.status_code, got.content == BIG) == (200, True)
                sent = client.post(f"/{name}/echo", content=iter([BIG[:1000], BIG[1000:]]))
                assert (sent.status_code, sent.content == BIG) == (200, True)
                assert client.head(f"/{name}/big").headers["content-length"] == str(len(BIG))
                assert client.get(f"/{name}/nothing").status_code == 404
        answers = together(16, running.base_url, "/plain/big", http1=not is_http2, http2=is_http2)
        assert len(answers) == 16 and all(one.content == BIG for one in answers)
    refused = httpx2.get(f"{running.base_url}/other/x")
    assert (refused.status_code, refused.json()["type"]) == (502, "urn:fastgw:error:connect_failed")
    found = running.admin("/status")["services"]["plain"]["endpoints"][f"127.0.0.1:{plain}"]
    assert found["connects"] <= 2 and found["requests"] > 25
    assert found["health"]["state"] == "healthy" and found["health"]["failures"] == 0
    wait_until(
        lambda: "does not speak HTTP/2: it sent 'HTTP/1.1 505" in running.read_log(), what="the cause in the log"
    )

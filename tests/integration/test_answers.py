"""Routes that answer by themselves, in real processes: files, conditions, ranges, redirects, and slow readers."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.processes import Gateway, connect, events, read_answer, reload
from tests.support.gateway import GatewayProcess, wait_until

pytestmark = pytest.mark.integration

BIG = bytes(range(256)) * 40_000  #: 10 MB: more than the kernel's buffers take
CONFIG = """\
listeners: [{address: "127.0.0.1:$port", filters: [request_id, log]}]
admin: {address: "127.0.0.1:$admin"}
workers: 1
routes:
  - {path: /stock, reply: {json: {stock: 0}}}
  - {path: /old/*, redirect: {to: /static/*, status: 308}}
  - {path: /www, redirect: 'https://www.$${request.host}$${request.target}'}
  - {path: /static/*, name: static, files: {root: PUBLIC, cache_control: max-age=60}}
filters: {log: {type: access_log, path: access.log, flush: 50ms}}
"""


@pytest.fixture
def public(tmp_path: Path) -> Path:
    root = tmp_path / "public"
    root.mkdir()
    (root / "index.html").write_bytes(b"<p>here</p>")
    (root / "big").write_bytes(BIG)
    (root / "secret").symlink_to("/etc/passwd")
    os.mkfifo(root / "fifo")
    return root


@pytest.fixture
def running(gateway: Gateway, public: Path) -> GatewayProcess:
    return gateway(CONFIG.replace("PUBLIC", str(public)))


def curl(*arguments: str) -> str:
    done = subprocess.run(["curl", "-sS", "--max-time", "20", *arguments], capture_output=True, check=True)
    return done.stdout.decode()


def metric(running: GatewayProcess, name: str) -> float:
    text = requests.get(f"{running.admin_url}/metrics", timeout=5).text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


def test_answers_of_every_kind(running: GatewayProcess, tmp_path: Path) -> None:
    url = running.base_url
    with requests.Session() as session:
        assert session.get(f"{url}/stock", timeout=5).json() == {"stock": 0}
        assert session.post(f"{url}/stock", data=BIG[:3_000_000], timeout=5).json() == {"stock": 0}
        page = session.get(f"{url}/old/", timeout=5)
        assert [one.status_code for one in page.history] == [308] and page.text == "<p>here</p>"
        assert (
            page.headers["cache-control"] == "max-age=60" and page.headers["content-type"] == "text/html; charset=utf-8"
        )
        assert session.get(f"{url}/static/big", timeout=20).content == BIG
        for name in ("secret", "fifo", ".hidden", "%2e%2e/fastgw.yaml", "..%2ffastgw.yaml"):
            assert session.get(f"{url}/static/{name}", timeout=5).status_code == 404
        assert session.put(f"{url}/static/big", data=b"x", timeout=5).headers["allow"] == "GET, HEAD"
    answer = requests.get(f"{url}/www?a=b", headers={"host": "a.example:81"}, allow_redirects=False, timeout=5)
    assert (answer.status_code, answer.headers["location"]) == (307, "https://www.a.example/www?a=b")
    assert metric(running, 'fastgw_requests_started_total{route="static"') >= 7
    assert not events(running, "an endpoint fails")
    log = running.config.with_name("access.log")
    wait_until(
        lambda: '"service":"reply"' in log.read_text() and "symbolic link" in log.read_text(), what="it is logged"
    )


def test_what_curl_makes_of_conditions_and_ranges(running: GatewayProcess, tmp_path: Path) -> None:
    url, tag, copy = f"{running.base_url}/static/big", str(tmp_path / "tag"), tmp_path / "copy"
    code = ("-o", str(copy), "-w", "%{http_code} %{size_download}")
    assert curl(*code, "--etag-save", tag, url) == f"200 {len(BIG)}"
    assert curl(*code, "--etag-compare", tag, url) == "304 0"
    assert curl(*code, "-z", str(tmp_path / "public" / "big"), url) == "304 0"
    assert curl(*code, "-r", "5-9", url) == "206 5" and copy.read_bytes() == BIG[5:10]
    copy.write_bytes(BIG[:1_000_000])
    assert curl("-o", str(copy), "-C", "-", url) == "" and copy.read_bytes() == BIG  # goes on where it broke off
    assert curl(*code, "-r", "10240000-", url).startswith("416 ")
    assert curl("-I", url).lower().count(f"content-length: {len(BIG)}") == 1


def test_a_slow_reader_holds_its_file_and_nobody_else(running: GatewayProcess, public: Path) -> None:
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        slow.settimeout(20)
        slow.connect(("127.0.0.1", running.port))
        slow.sendall(b"GET /static/big HTTP/1.1\r\nhost: a\r\n\r\n")
        with connect(running.port) as other:
            for _ in range(3):
                other.sendall(b"GET /static/ HTTP/1.1\r\nhost: a\r\n\r\n")
                assert read_answer(other).endswith(b"<p>here</p>")
        (public / "new").write_bytes(b"other")
        (public / "new").rename(public / "big")  # it goes on with the file it has begun
        assert read_answer(slow).endswith(BIG[-1000:])


def test_a_client_that_leaves_costs_no_descriptor(running: GatewayProcess) -> None:
    (worker,) = [one["pid"] for one in running.admin("/status")["workers"]]

    def held() -> list[str]:
        folder = f"/proc/{worker}/fd"
        found: list[str] = []
        for fd in os.listdir(folder):
            try:
                found.append(os.readlink(f"{folder}/{fd}"))
            except FileNotFoundError:
                continue
        return [one for one in found if one.endswith("/public/big")]

    for _ in range(5):
        with connect(running.port) as sock:
            sock.sendall(b"GET /static/big HTTP/1.1\r\nhost: a\r\n\r\n")
            sock.recv(1000)
            wait_until(held, what="the file is open")
        wait_until(lambda: not held(), what="the file is closed")


def test_a_reload_changes_answers(running: GatewayProcess, public: Path) -> None:
    text: Any = CONFIG.replace("PUBLIC", str(public)).replace("stock: 0", "stock: 1")
    reload(running, text)
    assert requests.get(f"{running.base_url}/stock", timeout=5).json() == {"stock": 1}
    reload(running, text.replace(str(public), str(public / "gone")))  # refused: all goes on as before
    assert requests.get(f"{running.base_url}/static/", timeout=5).text == "<p>here</p>"
    (refused,) = events(running, "the new configuration is refused, the old one stays")
    assert f"{public}/gone cannot be read: No such file or directory" in str(refused)

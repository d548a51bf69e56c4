"""docs/from-nginx.md: nginx takes its side of the page, and the first pair does the same for clients and services."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import GatewayFactory, ServiceFactory
from tests.support.gateway import ROOT, wait_until
from tests.support.ports import accepts, free_port

pytestmark = [pytest.mark.integration, pytest.mark.needs("nginx")]

PAGE = (ROOT / "docs" / "from-nginx.md").read_text()
THEIRS = re.findall(r"^```nginx\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
[OURS] = re.findall(r"^```yaml\n(# from-nginx\.yaml\n.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FOLDERS = "".join(f"{kind}_temp_path {kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


def whole(block: str) -> str:
    return f"daemon off;\nmaster_process off;\npid pid;\nevents {{}}\nhttp {{\naccess_log off;\n{FOLDERS}{block}}}\n"


def command(folder: Path, block: str, *options: str) -> list[str]:
    (folder / "nginx.conf").write_text(whole(block))
    return ["nginx", "-p", str(folder), "-c", "nginx.conf", "-e", "stderr", *options]


@pytest.mark.parametrize("block", THEIRS, ids=[str(place) for place in range(len(THEIRS))])
def test_nginx_takes_its_side(tmp_path: Path, block: str) -> None:
    block = block.replace("127.0.0.1:8080", f"127.0.0.1:{free_port()}")
    done = subprocess.run(command(tmp_path, block, "-t"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Callable[[str, int], None]]:
    running: list[subprocess.Popen[bytes]] = []

    def start(block: str, port: int) -> None:
        process = subprocess.Popen(command(tmp_path, block), stderr=subprocess.PIPE)
        running.append(process)
        wait_until(lambda: accepts(port), what="nginx")

    yield start
    for process in running:
        process.terminate()
        process.communicate(timeout=10)


def seen(port: int, method: str, path: str, **options: object) -> tuple[object, ...]:
    """What the client gets and, of what is echoed by the service, what it has seen."""
    answer = requests.request(method, f"http://127.0.0.1:{port}{path}", timeout=10, **options)  # type: ignore[arg-type]
    if answer.status_code != 200 or path == "/ping":
        return answer.status_code, answer.text if path == "/ping" else ""
    echoed = answer.json()
    fields = {
        name.lower(): value for name, value in echoed["fields"] if name.lower().startswith(("x-", "host", "content-l"))
    }
    fields.pop("x-request-id", None)  # which nginx does not give
    fields.pop("x-forwarded-host", None)
    fields["host"] = fields["host"].partition(":")[0]
    return answer.status_code, echoed["method"], echoed["target"], fields


def test_the_first_pair_does_the_same(
    gateway: GatewayFactory, service: ServiceFactory, nginx: Callable[[str, int], None]
) -> None:
    server = service()
    theirs = free_port()
    block = THEIRS[0].replace("127.0.0.1:8080", f"127.0.0.1:{theirs}")
    config = OURS.replace("127.0.0.1:8080", "127.0.0.1:$port").replace(', "127.0.0.1:9001"', "")
    block = block.replace("    server 127.0.0.1:9001;\n", "")
    block, config = (text.replace("127.0.0.1:9000", server.address) for text in (block, config))
    nginx(block, theirs)
    ours = gateway(config + "admin: {address: 127.0.0.1:$admin}\n").port
    for method, path, options in (
        ("GET", "/v1/models?a=b%20c", {}),
        ("POST", "/v1/chat", {"data": b"x" * 70_000}),
        (
            "GET",
            "/v1/x",
            {"headers": {"x-real-ip": "6.6.6.6", "x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "https"}},
        ),
        ("GET", "/ping", {}),
        ("GET", "/nothing", {}),
    ):
        assert seen(ours, method, path, **options) == seen(theirs, method, path, **options), (method, path)

"""The filter in ``examples/wasm``: its text, which is built here, and its source in Rust, where there is a compiler for it, do the same."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
import wasmtime

from fastgw.config.load import load
from fastgw.filters.wasm import WasmFilter
from fastgw.testing import Edge, statuses
from tests.support.wasm import filter_of

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "wasm"
TARGET = "wasm32-unknown-unknown"
OK = b"HTTP/1.1 200 OK\r\nX-Powered-By: PHP\r\nContent-Length: 0\r\n\r\n"


@cache
def has_rust() -> bool:
    """Is there a compiler, and what it needs of the target?"""
    words = ["rustc", "--print", "target-libdir", "--target", TARGET]
    if shutil.which(words[0]) is None:
        return False
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    return said.returncode == 0 and any(Path(said.stdout.strip()).glob("libcore-*"))


RUST = pytest.param("rs", marks=pytest.mark.skipif(not has_rust(), reason="needs rustc and its target"))


@pytest.fixture(scope="module", params=["wat", RUST])
def module(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    text = (FOLDER / f"tenant.{request.param}").read_text()
    if request.param == "wat":
        return bytes(wasmtime.wat2wasm(text))
    folder = tmp_path_factory.mktemp("tenant")
    (folder / "tenant.rs").write_text(text)
    [line] = re.findall(r"^//! +(rustc .*)$", text, re.MULTILINE)
    subprocess.run(shlex.split(line), cwd=folder, check=True)
    return (folder / "tenant.wasm").read_bytes()


def made(module: bytes, configuration: bytes = b" acme  wonka") -> WasmFilter:
    return filter_of(module, configuration=configuration)


def test_tenants_are_told_to_the_service_and_strangers_turned_away(module: bytes) -> None:
    edge = Edge(filters=[made(module)])
    for host, tenant in ((b"acme.test", b"acme"), (b"wonka", b"wonka")):
        client, service = edge.pair(b"GET / HTTP/1.1\r\nHost: %b\r\nX-Tenant: other\r\n\r\n" % host)
        request = service.take()
        assert b"x-tenant: %b\r\n" % tenant in request and b"other" not in request
        service.feed(OK)
        answer = client.take()
        assert statuses(answer) == [200] and b"powered" not in answer.lower()
        service.lose()
    for host in (b"acm.test", b"acmee.test", b"test.acme", b"w", b"127.0.0.1"):
        answer = edge.client(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host).take()
        assert (
            statuses(answer) == [403] and b"content-type: application/json\r\n" in answer and b"nobody here" in answer
        )
    assert [fields["text"] for _, event, fields in edge.log if event == "a filter says"][:2] == [
        "acm.test",
        "acmee.test",
    ]
    edge.end()


@pytest.mark.parametrize("configuration", [b"", b"  \n"])
def test_it_refuses_to_begin_without_tenants(module: bytes, configuration: bytes) -> None:
    with pytest.raises(Exception, match="refused the configuration"):
        made(module, configuration)


def test_the_configuration_is_right_once_the_module_is_built(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "gateway.yaml", tmp_path)
    with pytest.raises(Exception, match=r"tenant\.wasm cannot be read"):
        load(tmp_path / "gateway.yaml", {})
    (tmp_path / "tenant.wasm").write_bytes(wasmtime.wat2wasm((FOLDER / "tenant.wat").read_text()))
    assert "tenants" in [one.name for one in load(tmp_path / "gateway.yaml", {}).filters]


def test_the_line_that_builds_the_text_does(tmp_path: Path) -> None:
    text = (FOLDER / "tenant.wat").read_text()
    [code] = re.findall(r'^;; +python -c "(.*)"$', text, re.MULTILINE)
    (tmp_path / "tenant.wat").write_text(text)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path)
        exec(code)
    assert (tmp_path / "tenant.wasm").read_bytes() == wasmtime.wat2wasm(text)

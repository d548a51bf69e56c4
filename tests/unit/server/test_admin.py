"""The addresses of it, and TLS there; what is answered has tests of its own (``test_admin_http``)."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from fastgw.config.bind_spec import AS_CREATED, CertificateSpec, TlsSpec
from fastgw.config.spec import AdminSpec
from fastgw.core.settings import Address
from fastgw.errors import ConfigError
from fastgw.server.admin import CONNECTIONS, Admin, admin_context
from fastgw.server.guard import OPERATOR
from fastgw.server.listening import bind
from fastgw.server.log import Log
from fastgw.server.page import Page, PageRequest
from fastgw.server.status import Content
from tests.unit.config.conftest import write_pair
from tests.unit.server.test_rollouts import played

GET = b"GET /page HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"


def speaking(pair: tuple[str, str]) -> AdminSpec:
    tls = TlsSpec((CertificateSpec(*pair),), "none", "", "1.2")
    return AdminSpec(Address("127.0.0.1", 0), (), AS_CREATED, "", (), tls, 1.0)


def made() -> Admin:
    async def page(one: PageRequest) -> Content:
        return Content(200, one.client.encode())

    return Admin([Page("GET", "/page", OPERATOR, "", page, {})], Log("test", fd=-1))


async def ask(port: int, pair: tuple[str, str]) -> bytes:
    context = ssl.create_default_context(cafile=pair[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="gw.example")
    writer.write(GET)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


@played
async def test_it_speaks_tls_with_the_certificate_that_it_has_now(tmp_path: Path) -> None:
    first, second = (write_pair(tmp_path, stem, "gw.example") for stem in ("first", "second"))
    admin, listening = made(), bind(Address("127.0.0.1", 0), 1)
    listening.start()
    port = listening.sockets[0].getsockname()[1]
    admin.admit(speaking(first), admin_context(speaking(first)))
    await admin.start([listening])
    assert (await ask(port, first)).startswith(b"HTTP/1.1 403 ")
    admin.admit(speaking(second), admin_context(speaking(second)))
    assert (await ask(port, second)).startswith(b"HTTP/1.1 403 ")
    with pytest.raises(ssl.SSLError):
        await ask(port, first)
    await admin.stop()
    listening.close()


@played
async def test_handshakes_that_do_not_come_are_bounded_too(tmp_path: Path) -> None:
    pair = write_pair(tmp_path, "edge", "gw.example")
    admin, listening = made(), bind(Address("127.0.0.1", 0), 1)
    listening.start()
    port = listening.sockets[0].getsockname()[1]
    admin.admit(speaking(pair), admin_context(speaking(pair)))
    await admin.start([listening])
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS + 1)]
    async with asyncio.timeout(10):
        ends = [asyncio.create_task(reader.read()) for reader, _ in held]
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == 1  # the one that is too many
    await admin.stop()
    for _, writer in held:
        writer.close()
    await asyncio.gather(*ends, return_exceptions=True)
    listening.close()


@played
async def test_over_a_unix_socket_the_kernel_says_who_asks(tmp_path: Path) -> None:
    admin, listening = made(), bind(Address(path=str(tmp_path / "x.sock")), 1)
    listening.start()
    await admin.start([listening])
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "x.sock"))
    writer.write(GET)
    async with asyncio.timeout(10):
        assert b"\r\n\r\nuser " in await reader.read()
    writer.close()
    await admin.stop()
    listening.close()


def test_files_that_are_gone_are_told(tmp_path: Path) -> None:
    spec = speaking((str(tmp_path / "no.pem"), str(tmp_path / "no.key")))
    with pytest.raises(ConfigError) as raised:
        admin_context(spec)
    assert raised.value.problems[0].startswith("admin.tls: ")
    assert admin_context(spec._replace(tls=None)) is None and admin_context(None) is None

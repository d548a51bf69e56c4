"""What sources that ask a registry have in common."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

import pytest

from fastgw.core.sources import ClientTls
from fastgw.discovery.listing import METADATA_MOST, TEXT_MOST, SourceError
from fastgw.discovery.registries import (
    SAID_MOST,
    Throttle,
    calling,
    mapping,
    read_json,
    said,
    text,
    usable_metadata,
)
from tests.support.certificates import Authority
from tests.support.ports import free_port


def test_what_is_of_another_type_counts_as_absent() -> None:
    assert [mapping(one) for one in ({"a": 1}, None, [], "x", 7)] == [{"a": 1}, {}, {}, {}, {}]
    assert [text(one) for one in ("a", None, [], b"x", 7)] == ["a", "", "", "", ""]


def test_metadata_that_a_member_cannot_have_is_left_out() -> None:
    given = {
        "b": "2",
        "a": "1",
        "long": "x" * (TEXT_MOST + 1),
        "n": 7,
        "odd": "a\nb",
        "x" * (TEXT_MOST + 1): "y",
        "\0": "z",
    }
    assert usable_metadata(given, {"a": "other", "c": "3"}) == {"a": "1", "b": "2", "c": "3"}
    assert len(usable_metadata({str(number): "" for number in range(100)})) == METADATA_MOST


def test_what_is_said_of_an_error_is_one_line() -> None:
    assert said(b" No cluster\r\nleader\x1b[1m\xff\n") == "No cluster  leader [1m\N{REPLACEMENT CHARACTER}"
    assert said(b"  ") == "nothing more"
    assert len(said("é".encode() * 5000)) == SAID_MOST


def test_what_is_no_json() -> None:
    assert read_json(b'{"a": 1}', "it") == {"a": 1}
    for body in (b"", b"<html>", b"[" * 100_000, b"\xff"):
        with pytest.raises(SourceError, match="it answered something that is no JSON"):
            read_json(body, "it")


def test_a_pace_has_a_burst_and_then_pauses() -> None:
    now = [100.0]
    pace = Throttle(2, 0.25, lambda: now[0])
    waits = []
    for _ in range(5):
        waits.append(pace.take())
        now[0] += waits[-1]
    assert waits == [0.0, 0.0, 0.25, 0.25, 0.25]
    now[0] += 10
    assert [pace.take(), pace.take(), pace.take()] == [0.0, 0.0, 0.25]


def test_what_goes_wrong_is_said_as_of_a_source() -> None:
    async def story(tls: ClientTls) -> None:
        with calling((True, "127.0.0.1", free_port()), tls, 5.0) as caller:
            await caller.call(b"GET")

    with pytest.raises(SourceError) as caught:
        asyncio.run(story(ClientTls()))
    assert caught.value.cause == "refused"


def test_a_registry_is_asked_with_tls(tmp_path: Path) -> None:
    """It shows a certificate for the name that is configured, and so do we."""
    authority, stranger = Authority(tmp_path / "one"), Authority(tmp_path / "other")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.ca)
    server.load_cert_chain(*authority.pair("server", "consul.test"))
    server.verify_mode = ssl.CERT_REQUIRED
    ours = authority.pair("client")

    async def ask(tls: ClientTls) -> bytes:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server) as listening:
            port = listening.sockets[0].getsockname()[1]
            with calling((True, "127.0.0.1", port), tls, 5.0) as caller:
                return (await caller.call(b"GET")).body

    good = ClientTls(authority.ca, *ours, server_name="consul.test")
    assert asyncio.run(ask(good)) == b"ok"
    for bad in (good._replace(ca=stranger.ca), good._replace(server_name="etcd.test"), good._replace(server_name="")):
        with pytest.raises(SourceError) as caught:
            asyncio.run(ask(bad))
        assert caught.value.cause == "tls"

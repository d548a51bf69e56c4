"""``audio/base64-decoder``: the service gets the recording, or never a whole request."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from fastgw.testing.edge import Edge, Spy, body_of, head_of, statuses
from fastgw.transformers.audio_base64_decoder import AudioBase64Decoder, sniff
from tests.support.bodies import plain

FORMATS = ("wav", "flac", "ogg", "mp3", "mp4", "webm", "aac")
OPTIONS = {"field": "audio", "formats": FORMATS, "max_bytes": 1000, "max_json": 1000}
REST = bytes(range(256))
RECORDINGS = [
    (b"RIFF\x24\0\0\0WAVEfmt ", "wav", b"audio/wav"),
    (b"RF64\xff\xff\xff\xffWAVEds64", "wav", b"audio/wav"),
    (b"fLaC\0\0\0\x22", "flac", b"audio/flac"),
    (b"OggS\0\2", "ogg", b"audio/ogg"),
    (b"ID3\4\0\0", "mp3", b"audio/mpeg"),
    (b"\xff\xfb\x90\x64", "mp3", b"audio/mpeg"),
    (b"\xff\xf3\x90\x64", "mp3", b"audio/mpeg"),
    (b"\xff\xe3\x90\x64", "mp3", b"audio/mpeg"),
    (b"\0\0\0\x20ftypM4A ", "mp4", b"audio/mp4"),
    (b"\x1a\x45\xdf\xa3\x9f", "webm", b"audio/webm"),
    (b"\xff\xf1\x50\x80", "aac", b"audio/aac"),
    (b"\xff\xf9\x50\x80", "aac", b"audio/aac"),
]


def ask(data: Any, kind: str = "application/json") -> bytes:
    body = json.dumps(
        {"language": "de", "audio": base64.b64encode(data).decode() if isinstance(data, bytes) else data}
    ).encode()
    return (
        b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
        % (kind.encode(), len(body))
        + body
    )


def edge_of(**options: Any) -> tuple[Edge, list[Any]]:
    notes: list[Any] = []
    spy = Spy("spy", [], done=lambda exchange: notes.append(exchange.notes))
    return Edge(filters=[spy, AudioBase64Decoder("audio/base64-decoder", {**OPTIONS, **options})]), notes


@pytest.mark.parametrize(("start", "name", "kind"), RECORDINGS)
@pytest.mark.parametrize("step", [7, 10_000])
def test_a_recording_is_decoded_and_named(start: bytes, name: str, kind: bytes, step: int) -> None:
    edge, notes = edge_of()
    request = ask(start + REST)
    client = edge.client()
    for at in range(0, len(request), step):
        client.feed(request[at : at + step])
    service = edge.connect()
    got = service.take()
    assert plain(got) == start + REST
    if step > 7:
        assert b"content-type: " + kind + b"\r\n" in head_of(got)
    edge.end()
    assert notes == [{"audio_format": name}]


@pytest.mark.parametrize(
    ("start", "known"),
    [
        (b"", None),
        (b"\xff", None),
        (b"\xff\xea", None),
        (b"\xff\xd8\xff", None),
        (b"\xff\xfea", None),
        (b"\xff\xe9", None),
        (b"RIFF1234WEBP", None),
        (b"\xff\xe1", None),
    ],
)
def test_what_is_no_recording(start: bytes, known: None) -> None:
    assert sniff(start) is known


@pytest.mark.parametrize(
    ("data", "options", "status", "code"),
    [
        (b"\x89PNG\r\n\x1a\n" + REST, {}, 415, "audio_type_refused"),
        (b"fLaC" + REST, {"formats": ("wav",)}, 415, "audio_type_refused"),
        (b"fLaC" + REST * 4, {}, 413, "audio_too_large"),
        ("", {}, 422, "audio_malformed"),
        ("https://a.test/x.wav", {}, 422, "url_refused"),
        ("!!!!", {}, 422, "base64_malformed"),
        (5, {}, 422, "field_missing"),
    ],
)
def test_what_is_none_is_refused(data: Any, options: dict[str, Any], status: int, code: str) -> None:
    edge, _ = edge_of(**options)
    got = edge.client(ask(data)).take()
    assert statuses(got) == [status] and json.loads(body_of(got))["type"].endswith(code)
    edge.end()


def test_a_data_uri_is_decoded_whatever_it_says() -> None:
    edge, _ = edge_of()
    edge.client(ask("data:audio/ogg;base64," + base64.b64encode(b"fLaC" + REST).decode()))
    got = edge.connect().take()
    assert plain(got) == b"fLaC" + REST and b"audio/flac" in head_of(got)
    edge.end()


def test_other_types_are_refused() -> None:
    edge, _ = edge_of()
    assert statuses(edge.client(ask(b"fLaC", "audio/flac")).take()) == [415]
    edge.end()

"""Two readings of what a client of HTTP/2 sends, the gateway's and h2's; of a header block, ours and hpack's; and both, in either form.

The gateway must agree with h2 or be stricter: whatever it forwards as a complete request, h2 reads from the same bytes as a request of the
same meaning.  What h2's own client sends by the rules both read alike.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import hpack
import hyperframe.exceptions

import fastgw
from fastgw.core.http2.link import RECEIVE
from fastgw.wire.errors import WireError
from fastgw.wire.fields import is_forbidden_trailer
from fastgw.wire.http2.decoder import FieldDecoder
from fastgw.wire.http2.errors import Http2Error, StreamError
from fastgw.wire.http2.frame_kinds import GOAWAY, NONE, PREFACE
from fastgw.wire.http2.frames import FrameReader
from fastgw.wire.http2.settings import WINDOW
from tests.fuzz.differential import ADDED, normal_target
from tests.fuzz.stage import Read, Stage, Told, pieces_of

BEGINNING = PREFACE + b"\0\0\0\4\0\0\0\0\0"
"""The preface, and SETTINGS that say nothing."""
LIST_MOST = 32 * 1024
BLOCK_MOST = 1 << 16
Asked = tuple[bytes, bytes, bytes, tuple[tuple[bytes, bytes], ...], bytes, tuple[tuple[bytes, bytes], ...]]
"""Method, target, authority, fields, body and trailers of a request; the fields in the order of their names."""


def stage() -> Stage:
    """One whose clients may speak HTTP/2."""
    return Stage(protocols=("http/1.1", "h2"))


# --- requests


def _meant(fields: Any) -> tuple[tuple[bytes, bytes], ...]:
    """What of fields is the client's."""
    own = ADDED | {b"content-length"}
    return tuple(sorted((name, value.strip(b" \t")) for name, value in fields if name[:1] != b":" and name not in own))


def _trailing(fields: Any) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(sorted((name, value) for name, value in fields if not is_forbidden_trailer(name)))


def forwarded(told: Told) -> Counter[Asked]:
    """The complete requests that reached a service."""
    return Counter(_asked_by(read) for read in told.requests)


def _asked_by(read: Read) -> Asked:
    method, target = read.start
    host = dict(read.fields).get(b"host", b"")
    return method, target, host, _meant(read.fields), read.body, _trailing(read.trailers)


def read_by_h2(data: bytes) -> tuple[Counter[Asked], bytes]:
    """The complete requests that h2 reads until it refuses a frame, which ends its connection whatever it was; and ``data`` to the end of
    that frame."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
    connection.local_settings = h2.settings.Settings(
        client=False,
        initial_values={
            h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 100,
            h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: LIST_MOST,
        },
    )
    connection.initiate_connection()
    connection.increment_flow_control_window(RECEIVE - WINDOW)
    found: Counter[Asked] = Counter()
    open_requests: dict[int, list[Any]] = {}
    read = 0
    for part in _frames(data):
        read += len(part)
        if part[3:4] == bytes((GOAWAY,)) and read > len(PREFACE):
            continue  # h2 would read nothing behind it; of a client it says that nobody may push
        try:
            events = connection.receive_data(part)
        except (h2.exceptions.ProtocolError, hpack.HPACKError, hyperframe.exceptions.HyperframeError):
            break
        for event in events:
            _on(event, open_requests, found)
    return found, data[:read]


def _frames(data: bytes) -> list[bytes]:
    """The preface, and each frame."""
    found, at = [data[: len(PREFACE)]], len(PREFACE)
    while at < len(data):
        end = at + 9 + int.from_bytes(data[at : at + 3], "big")
        found.append(data[at:end])
        at = end
    return found


def _on(event: Any, requests: dict[int, list[Any]], found: Counter[Asked]) -> None:
    match event:
        case h2.events.RequestReceived():
            requests[event.stream_id] = [list(event.headers or ()), b"", []]
        case h2.events.DataReceived():
            requests[event.stream_id][1] += event.data or b""
        case h2.events.TrailersReceived():
            requests[event.stream_id][2] = list(event.headers or ())
        case h2.events.StreamReset():
            requests.pop(event.stream_id, None)
        case h2.events.StreamEnded() if event.stream_id in requests:
            fields, body, trailers = requests.pop(event.stream_id)
            known = dict(fields)
            authority = known.get(b":authority", known.get(b"host", b""))
            target = _normal(known.get(b":path", b""))
            found[known[b":method"], target, authority, _meant(fields), body, _trailing(trailers)] += 1


def _normal(target: bytes) -> bytes:
    """As a service is asked for it; what is refused stays as it is."""
    try:
        return normal_target(target) if target[:1] == b"/" else target
    except WireError:
        return target


def compare(stage: Stage, data: bytes, cuts: tuple[int, ...] = (), *, is_right: bool = False) -> str:
    """What is wrong with what becomes of ``data``, cut at these places; empty: nothing.  ``is_right``: it keeps all rules, so nothing may
    be refused."""
    theirs, read = read_by_h2(data)
    told = stage.ask(pieces_of(read, *cuts))
    problems = [one.problem for one in told.services if one.problem]
    if problems:
        return f"h11 refuses what was forwarded: {problems}"
    ours = forwarded(told)
    if ours - theirs:
        return f"forwarded, and h2 reads no such request: {dict(ours - theirs)}, but {dict(theirs - ours)}"
    if is_right and theirs != ours:
        return f"not forwarded: {dict(theirs - ours)}"
    return ""


# --- fields


def told_apart(data: bytes) -> list[bytes]:
    """The header blocks of ``data``, each of which stands behind two bytes with its length."""
    found = []
    while data:
        size = int.from_bytes(data[:2], "big")
        found.append(data[2 : 2 + size])
        data = data[2 + size :]
    return found


def decoded(blocks: list[bytes], make: Any = FieldDecoder) -> list[list[tuple[bytes, bytes]] | None]:
    """The fields of each block, by one decoder; None: it cannot be decoded, and nothing behind it."""
    decoder = make()
    found: list[list[tuple[bytes, bytes]] | None] = []
    for block in blocks:
        try:
            found.append([(field.name, field.value) for field in decoder.decode(block, LIST_MOST)])
        except Http2Error:
            return [*found, None]
    return found


def decoded_by_hpack(blocks: list[bytes]) -> list[list[tuple[bytes, bytes]] | None]:
    """The same by hpack."""
    decoder = hpack.Decoder(max_header_list_size=1 << 30)
    found: list[list[tuple[bytes, bytes]] | None] = []
    for block in blocks:
        try:
            found.append([(bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True)])
        except (hpack.HPACKError, UnicodeDecodeError):
            return [*found, None]
    return found


def compare_blocks(blocks: list[bytes]) -> str:
    """What is wrong with our reading of them, one behind the other; empty: nothing."""
    for ours, theirs in zip(decoded(blocks), decoded_by_hpack(blocks), strict=False):
        if ours is None:
            return ""  # stricter, or as strict
        if theirs is None:
            return f"decoded, and hpack does not: {ours}"
        if ours != theirs[: len(ours)] or (
            len(ours) < len(theirs) and sum(len(n) + len(v) + 32 for n, v in theirs) <= LIST_MOST
        ):
            return f"{ours} is not {theirs}"
    return ""


# --- both forms


def frames_of(pieces: list[bytes], make: Any = FrameReader) -> list[object]:
    """What a reader makes of bytes: kinds, flags, streams, payloads; and its refusals, by their code and words."""
    reader, found = make(BLOCK_MOST), []
    for piece in pieces:
        reader.feed(piece)
        while True:
            try:
                kind = reader.read()
            except StreamError as error:
                found.append((error.stream, error.code, error.detail))
                continue
            except Http2Error as error:
                return [*found, (error.code, error.detail)]
            if kind == NONE:
                break
            found.append((kind, reader.flags, reader.stream, reader.payload, reader.size))
    return found


def pure(name: str) -> ModuleType:
    """The module of ``fastgw.wire.http2``, as Python, whatever form is imported."""
    path = Path(fastgw.__file__).parent / "wire" / "http2" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"pure_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

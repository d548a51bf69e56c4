"""Two readings of the same bytes, the gateway's and h11's, and the differences that are meant.

The gateway must agree with h11 or be stricter: whatever it forwards as a complete message, h11 reads from the same bytes
as a message of the same meaning. Where it reads something that h11 refuses, the difference has a name here, and
`docs/parsing.md` says why it is meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fastgw.core.http1.beginnings import BLANK_LINES_MAX
from fastgw.wire.errors import WireError
from fastgw.wire.fields import is_forbidden_trailer
from fastgw.wire.target import split_absolute, split_target
from tests.fuzz.stage import Fields, Read, Reader, Told, client_reader, server_reader

OWN_FIELDS = frozenset(
    {b"host", b"via", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-request-id"}
)
"""Fields the gateway writes itself, in the place of whatever the client sent."""
ADDED = OWN_FIELDS | {b"transfer-encoding", b"connection", b"upgrade", b"te", b"expect"}
"""Fields of a forwarded request that are made, not copied."""

REQUEST_CHOICES: dict[str, bytes] = {
    "leading-blank-lines": b"\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "http10-keep-alive": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    "chunk-extension-spaces": b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 ;a=b\r\nx\r\n0\r\n\r\n",
    "unread-trailer": b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: x\r\n\r\n",
}
"""Requests the gateway reads and h11 does not; `docs/parsing.md` has the reasons."""
ANSWER_CHOICES: dict[str, bytes] = {
    "chunk-extension-spaces": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1 ;a=b\r\nx\r\n0\r\n\r\n",
    "unread-trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: x\r\n\r\n",
}
"""Answers the gateway reads and h11 does not."""


def read_requests(data: bytes) -> list[Read]:
    """Return the complete requests h11 reads in what a client sent.

    Each is read by an h11 of its own, so that two of the choices can be made for it at the exact place: the empty lines
    before a request are left out, and the connection goes on after HTTP/1.0 where the client asked for that.
    """
    complete: list[Read] = []
    while True:
        for _ in range(BLANK_LINES_MAX):
            data = data.removeprefix(b"\r\n")
        reader = server_reader(is_single=True)
        if data:
            reader.feed(data)
        found = reader.finish().complete
        complete += found
        if not found or not _is_kept_alive(found[0]):
            return complete
        data = reader.connection.trailing_data[0]


def _is_kept_alive(read: Read) -> bool:
    tokens = {
        token.strip(b" \t").lower()
        for name, value in read.fields
        if name == b"connection"
        for token in value.split(b",")
    }
    return b"close" not in tokens and (read.version == b"1.1" or b"keep-alive" in tokens)


def read_answer(data: bytes, request: bytes, *, is_ended: bool) -> Reader:
    """Return h11 after it read what a service answered to this request, and perhaps closed behind."""
    reader = client_reader(request.split(b" ", 1)[0], upgrade=b"\r\nUpgrade: " in request)
    if data:
        reader.feed(data)
    if is_ended:
        reader.feed(b"")
    reader.finish()
    return reader


def normal_target(target: bytes) -> bytes:
    """Return the target in the form the gateway forwards.

    Raises:
        WireError: the gateway would have refused it.
    """
    if target == b"*":
        return target
    if not target.startswith(b"/"):
        target = split_absolute(target)[1]
    return b"".join(split_target(target))


def differences(forwarded: Read, original: Read) -> list[str]:
    """Tell how a forwarded request means something else than what h11 read."""
    found = []
    if forwarded.start[0] != original.start[0]:
        found.append(f"method {original.start[0]!r} became {forwarded.start[0]!r}")
    try:
        if forwarded.start[1] != normal_target(original.start[1]):
            found.append(f"target {original.start[1]!r} became {forwarded.start[1]!r}")
    except WireError as error:
        found.append(f"target {original.start[1]!r} was forwarded: {error}")
    if forwarded.body != original.body:
        found.append(f"body {original.body!r} became {forwarded.body!r}")
    found += [f"field {line!r} appeared" for line in appeared(forwarded.fields, original.fields, ADDED)]
    found += [f"trailer {line!r} appeared" for line in appeared(forwarded.trailers, original.trailers, frozenset())]
    found += [f"trailer {name!r} passed" for name, _ in forwarded.trailers if is_forbidden_trailer(name)]
    return found


def appeared(after: Fields, before: Fields, own: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the field lines of `after` that are neither the gateway's `own` nor in `before`, as often as they are there."""
    left = list(before)
    new = []
    for line in after:
        if line[0] in own:
            continue
        if line in left:
            left.remove(line)
        else:
            new.append(line)
    return new


def compare_requests(data: bytes, told: Told) -> list[str]:
    """Return what is wrong with how the gateway read `data`, given what it told the service; empty: nothing is.

    Where the two differ, the choices are undone in the data one after the other, and what is left must agree.
    """
    for reading in told.services:
        if reading.problem:
            return [f"h11 refuses what was forwarded: {reading.problem}"]
    wrong = _disagreements(told.requests, read_requests(data))
    for undo in _UNDO:
        if not wrong:
            break
        plain = undo(data)
        if plain != data:
            data = plain
            wrong = _disagreements(told.requests, read_requests(data))
    return wrong


def _disagreements(forwarded: list[Read], original: list[Read]) -> list[str]:
    """Compare in order; what h11 reads beyond the forwarded was refused, which is always allowed."""
    reads = iter(original)
    for one in forwarded:
        for read in reads:
            found = differences(one, read)
            if found and _answered_by_gateway(read):
                continue
            if found:
                return found
            break
        else:
            return [f"{one.start!r} was forwarded, and h11 does not read it"]
    return []


def _answered_by_gateway(read: Read) -> bool:
    """A request the gateway answers itself and goes on: `OPTIONS *` has no path, so no route."""
    return read.start[1] == b"*"


def compare_answer(request: bytes, data: bytes, told: Told, *, is_ended: bool) -> list[str]:
    """Return what is wrong with how the gateway passed on the answer `data` to `request`; empty: nothing is.

    An answer that the client gets whole must be the one h11 reads. One that is cut off, or replaced by a 502, may have been
    anything.
    """
    # A reset is not an end: h11 is only told of the end where the client could take it for one.
    client = read_answer(told.client, request, is_ended=told.is_closed and not told.is_cut)
    if client.reading.problem and "closed connection" not in client.reading.problem:
        return [f"h11 refuses what the client got: {client.reading.problem}"]
    wrong = _answer_disagreements(client, read_answer(data, request, is_ended=is_ended))
    for undo in _UNDO:
        if not wrong:
            break
        plain = undo(data)
        if plain != data:
            data = plain
            wrong = _answer_disagreements(client, read_answer(data, request, is_ended=is_ended))
    return wrong


def _answer_disagreements(client: Reader, service: Reader) -> list[str]:
    got, given = client.reading, service.reading
    if got.interim != given.interim[: len(got.interim)]:
        return [f"interim answers {given.interim} became {got.interim}"]
    if got.interim[-1:] == [101]:
        early, sent = client.connection.trailing_data[0], service.connection.trailing_data[0]
        return [] if early == sent else [f"tunnel bytes {sent!r} became {early!r}"]
    if not got.complete or (b"content-type", b"application/problem+json") in got.complete[0].fields:
        return []
    if not given.complete:
        return [f"{got.complete[0].start!r} was passed on whole, and h11 does not read it whole: {given}"]
    one, other = got.complete[0], given.complete[0]
    found = [f"{what} {b!r} became {a!r}" for what, a, b in _parts(one, other) if a != b]
    found += [f"field {line!r} appeared" for line in appeared(one.fields, other.fields, _ADDED_TO_ANSWER)]
    return found + [f"trailer {line!r} appeared" for line in appeared(one.trailers, other.trailers, frozenset())]


_ADDED_TO_ANSWER = frozenset({b"connection", b"date", b"transfer-encoding", b"x-request-id"})


def _parts(one: Read, other: Read) -> list[tuple[str, object, object]]:
    return [("status", one.start, other.start), ("body", one.body, other.body)]


def _close_chunk_extensions(data: bytes) -> bytes:
    """Undo `chunk-extension-spaces`: leave all chunk extensions out."""
    return re.sub(rb"(?<=\r\n)([0-9A-Fa-f]{1,16})[ \t]*;[^\r\n]*(?=\r\n)", rb"\1", data)


def _drop_trailers(data: bytes) -> bytes:
    """Undo `unread-trailer`: leave out the trailers the gateway drops."""
    lines = data.split(b"\r\n")
    kept = []
    is_trailer = False
    for line in lines:
        if re.fullmatch(rb"0+(?:[ \t]*;.*)?", line):
            is_trailer = True
        elif not line:
            is_trailer = False
        elif is_trailer and is_forbidden_trailer(line.partition(b":")[0].lower()):
            continue
        kept.append(line)
    return b"\r\n".join(kept)


_UNDO: tuple[Callable[[bytes], bytes], ...] = (_close_chunk_extensions, _drop_trailers)

"""A gateway that transcodes the library of ``protos/library.proto``, whose service speaks the bytes of gRPC over HTTP/1.1."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson

from fastgw.testing.edge import Edge, Spy, new_loop
from fastgw.transcoding.bodies import framed
from fastgw.transcoding.catalog import Catalog
from fastgw.transformers.grpc_json_transcoder import GrpcJsonTranscoder
from tests.support.protos import descriptor_set

NAME = "grpc/json-transcoder"
OPTIONS: dict[str, Any] = {
    "descriptors": descriptor_set(),
    "reflection": None,
    "refresh": 60.0,
    "services": (),
    "unknown_fields": "refuse",
    "defaults": "omit",
    "enums": "names",
    "names": "json",
    "stream": "application/x-ndjson",
    "max_message": 10_000,
    "inline_bytes": 10_000,
    "queue": 1,
}


@cache
def message(name: str) -> Any:
    """The class of a message of the library."""
    return Catalog(descriptor_set()).message_class(f"library.v1.{name}")


def encoded(kind: str, /, **fields: Any) -> bytes:
    """A message of the library behind its prefix."""
    return framed(message(kind)(**fields).SerializeToString())


@cache
def made(options: tuple[tuple[str, Any], ...]) -> GrpcJsonTranscoder:
    """The transformer, which keeps nothing of what has passed it: the tables of all that there is in the descriptors take a while."""
    return GrpcJsonTranscoder(NAME, dict(options))


def stage(
    *before: Any,
    submit: Any = None,
    behind: tuple[Any, ...] = (),
    protocols: tuple[str, ...] = ("http/1.1",),
    route: Any = None,
    **options: Any,
) -> tuple[Edge, list[Any]]:
    """The gateway, with filters ``before`` the transformer and ``behind`` it, and the notes of its exchanges."""
    loop = new_loop()
    notes: list[Any] = []
    given = tuple({**OPTIONS, **options}.items())
    transcoder = made(given) if submit is None else GrpcJsonTranscoder(NAME, dict(given), submit)
    transcoder.start(loop)
    spy = Spy("spy", [], done=lambda exchange: notes.append(exchange.notes))
    return Edge(
        filters=[spy, *before, transcoder, *behind], loop=loop, listener={"protocols": protocols}, route=route or {}
    ), notes


def ask(line: str, document: Any = None, *fields: str, kind: str = "application/json") -> bytes:
    """A request; ``document``: its body, as a value of JSON, or bytes as they are."""
    lines = [f"{line} HTTP/1.1", "Host: a.test", *fields]
    data = b"" if document is None else document if isinstance(document, bytes) else orjson.dumps(document)
    if document is not None:
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(data)}"]
    return "\r\n".join([*lines, "", ""]).encode() + data


def answer(*pieces: bytes, status: int = 0, trailers: bytes = b"", fields: str = "") -> bytes:
    """An answer of gRPC: each of ``pieces`` is a chunk, ``status`` its grpc-status."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n{fields}\r\n".encode()
    return head + b"".join(map(chunk, pieces)) + end(status, trailers)


def chunk(data: bytes) -> bytes:
    """Of HTTP/1.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def end(status: int = 0, trailers: bytes = b"") -> bytes:
    """The last chunk, and trailers."""
    return b"0\r\ngrpc-status: %d\r\n%b\r\n" % (status, trailers)


def start(fields: str = "") -> bytes:
    """The head of an answer that streams."""
    return answer(fields=fields).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

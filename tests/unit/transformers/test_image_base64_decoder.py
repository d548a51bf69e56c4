"""``image/base64-decoder``: the service gets the image, or never a whole request."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastgw.testing.edge import GET, OK, Edge, Spy, body_of, head_of, statuses
from fastgw.transformers.image_base64_decoder import ImageBase64Decoder
from tests.support import pictures
from tests.support.bodies import plain
from tests.support.digests import in_chunks

OPTIONS = {
    "field": "image",
    "formats": ("png", "jpeg", "gif", "webp", "bmp", "tiff"),
    "max_bytes": 100_000,
    "max_pixels": 1_000_000,
    "max_json": 1000,
}
PNG = pictures.png(640, 480, bytes(range(256)) * 20)


def decoder(**options: Any) -> ImageBase64Decoder:
    return ImageBase64Decoder("image/base64-decoder", {**OPTIONS, **options})


def body(image: bytes, **more: Any) -> bytes:
    return json.dumps({"threshold": 0.5, "image": base64.b64encode(image).decode(), **more}).encode()


def ask(data: bytes, *fields: str, kind: str = "application/json") -> bytes:
    lines = [
        "POST / HTTP/1.1",
        "Host: a.test",
        f"Content-Type: {kind}",
        f"Content-Length: {len(data)}",
        *fields,
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + data


def code_of(answer: bytes) -> str:
    return str(json.loads(body_of(answer))["type"]).rpartition(":")[2]


def refused(request: bytes, *, options: dict[str, Any] | None = None, step: int = 1 << 20) -> tuple[int, str]:
    """Status and code; the service got no whole request."""
    edge = Edge(filters=[decoder(**(options or {}))])
    client = edge.client()
    service, got = None, b""
    for at in range(0, len(request), step):
        client.feed(request[at : at + step])
        edge.loop.run_ready()
        if service is None and any(not one.is_cancelled for one in edge.loop.attempts):
            service = edge.connect()
        got += service.take() if service is not None else b""
    answer = client.take()
    assert not got.endswith(b"0\r\n\r\n")
    edge.end()
    return statuses(answer)[0], code_of(answer)


@pytest.mark.parametrize("step", [1, 100, 1 << 20], ids=["bytes", "some", "whole"])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_the_service_gets_the_image(step: int, is_chunked: bool) -> None:
    data = body(PNG, last=[1, {}])
    request = ask(data)
    if is_chunked:
        head = request[: -len(data)].replace(f"Content-Length: {len(data)}".encode(), b"Transfer-Encoding: chunked")
        request = head + in_chunks(data, 50)
    edge = Edge(filters=[decoder()], route={"body_buffer": 65536})
    client = edge.client()
    for at in range(0, len(request), step):
        client.feed(request[at : at + step])
    service = edge.connect()
    got = service.take()
    assert plain(got) == PNG
    assert b"content-type: image/png\r\n" in head_of(got)
    assert b"json" not in head_of(got).lower() and b"content-length" not in head_of(got).lower()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    client.feed(GET)
    assert service.take().startswith(b"GET ")
    edge.end()


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 8000), max_size=10), st.binary(max_size=300), st.booleans())
def test_however_the_bytes_come_the_image_is_the_same(cuts: list[int], rest: bytes, is_escaped: bool) -> None:
    image = pictures.jpeg(320, 200) + rest
    data = body(image).replace(b"/", b"\\/") if is_escaped else body(image)
    request = ask(data)
    edge = Edge(filters=[decoder()])
    client = edge.client()
    places = [0, *sorted(min(cut, len(request)) for cut in cuts), len(request)]
    for start, end in pairwise(places):
        if end > start:
            client.feed(request[start:end])
    service = edge.connect()
    assert plain(service.take()) == image
    service.feed(OK)
    edge.end()


def test_later_filters_and_the_log_know_what_it_is() -> None:
    seen: list[Any] = []
    spy = Spy("spy", [], response=lambda exchange: seen.append(dict(exchange.notes)))
    edge = Edge(filters=[spy, decoder()])
    edge.pair(ask(body(PNG)))[1].feed(OK)
    assert seen == [{"image_format": "png", "image_width": 640, "image_height": 480}]
    edge.end()


def test_a_service_that_reads_along_gets_it_as_it_comes() -> None:
    data = body(PNG)
    request = ask(data)
    edge = Edge(filters=[decoder()])
    client = edge.client(request[:-2000])
    service = edge.connect()
    first = service.take()
    assert b"content-type: image/png\r\n" in head_of(first)
    assert b"IHDR" in first
    client.feed(request[-2000:])
    assert plain(first + service.take()) == PNG
    service.feed(OK)
    edge.end()


def test_a_head_that_leaves_before_the_first_bytes_of_the_image_names_no_format() -> None:
    request = ask(body(PNG))
    edge = Edge(filters=[decoder()])
    head = request.index(b'"image"')
    client = edge.client(request[:head])
    service = edge.connect()
    first = service.take()
    assert b"content-type: application/octet-stream\r\n" in head_of(first)
    client.feed(request[head:])
    assert plain(first + service.take()) == PNG
    service.feed(OK)
    edge.end()


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (ask(body(PNG), kind="text/plain"), (415, "body_type_refused")),
        (ask(PNG, kind="image/png"), (415, "body_type_refused")),
        (ask(body(PNG)).replace(b"Content-Type: application/json\r\n", b""), (415, "body_type_refused")),
        (ask(body(PNG), "Content-Encoding: gzip"), (415, "body_type_refused")),
        (ask(body(PNG), "Cache-Control: no-transform"), (415, "body_type_refused")),
        (ask(body(PNG), "Content-Range: bytes 0-99/100"), (415, "body_type_refused")),
        (ask(b"{"), (400, "json_malformed")),
        (ask(body(PNG)[:-1]), (400, "json_malformed")),
        (ask(body(PNG) + b"x"), (400, "json_malformed")),
        (ask(body(PNG)[:2000]), (400, "json_malformed")),
        (ask(b"[" * 5000), (400, "json_malformed")),
        (ask(body(PNG, more="x" * 1000)), (413, "json_too_large")),
        (ask(b'{"img": ""}'), (422, "field_missing")),
        (ask(b'{"image": ""}'), (422, "image_malformed")),
        (ask(b'{"image": "iVBORw0KGgoAAAANSUhE"}'), (422, "image_malformed")),
        (ask(b'{"image": "http://a.test/x.png"}'), (422, "url_refused")),
        (ask(body(PNG).replace(b'.5, "image": "', b'.5, "image": "!')), (422, "base64_malformed")),
        (ask(body(b"<svg></svg>     ")), (415, "image_type_refused")),
        (ask(body(b"GI")), (415, "image_type_refused")),
        (ask(body(pictures.png(60_000, 60_000))), (413, "image_too_large")),
        (ask(body(pictures.jpeg(60_000, 60_000))), (413, "image_too_large")),
        (ask(body(pictures.tiff(60_000, 60_000, gap=9000))), (413, "image_too_large")),
        (ask(body(pictures.jpeg(5, 0))), (422, "image_malformed")),
        (ask(body(PNG + b"\0" * 100_000)), (413, "image_too_large")),
    ],
)
def test_what_is_refused_whole_and_in_pieces(request_: bytes, expected: tuple[int, str]) -> None:
    assert refused(request_) == expected
    assert refused(request_, step=997) == expected


def test_formats_are_chosen() -> None:
    options = {"formats": ("jpeg",)}
    assert refused(ask(body(PNG)), options=options) == (415, "image_type_refused")


def test_bounds_are_inclusive() -> None:
    edge = Edge(filters=[decoder(max_bytes=len(PNG), max_pixels=640 * 480)])
    _, service = edge.pair(ask(body(PNG)))
    assert plain(service.take()) == PNG
    service.feed(OK)
    edge.end()
    assert refused(ask(body(PNG)), options={"max_bytes": len(PNG) - 1}) == (413, "image_too_large")
    assert refused(ask(body(PNG)), options={"max_pixels": 640 * 480 - 1}) == (413, "image_too_large")


def test_a_request_without_a_body_passes() -> None:
    edge = Edge(filters=[decoder()])
    _, service = edge.pair(GET)
    assert service.take().startswith(b"GET ")
    service.feed(OK)
    edge.end()


def test_what_is_held_of_a_large_image_does_not_grow_with_it() -> None:
    """It leaves as it comes: a reader keeps what is around it, and a few bytes."""
    data = body(PNG + b"\0" * 90_000)
    edge = Edge(filters=[decoder()])
    request = ask(data)
    client = edge.client(request[:2000])
    service = edge.connect()
    total = len(body_of(service.take()))
    for at in range(2000, len(request), 2000):
        client.feed(request[at : at + 2000])
        piece = len(service.take())
        assert piece >= min(2000, len(request) - at) * 3 // 4 - 100
        total += piece
    assert total >= 90_000
    service.feed(OK)
    edge.end()

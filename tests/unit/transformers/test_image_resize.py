"""``image/resize``: the service gets the image in its size, small ones at once, large ones from a thread, or never a whole request."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from fastgw.testing.edge import GET, OK, Edge, Spy, body_of, head_of, new_loop, statuses
from fastgw.transformers.image_base64_decoder import ImageBase64Decoder
from fastgw.transformers.image_resize import ImageResize
from tests.support import photos, pictures
from tests.support.bodies import Elsewhere, plain

DECODER = {
    "field": "image",
    "formats": ("png", "jpeg", "gif", "webp", "bmp", "tiff"),
    "max_bytes": 100_000,
    "max_pixels": 1_000_000,
    "max_json": 1000,
}
OPTIONS = {
    "width": 32,
    "height": 32,
    "fit": "fit",
    "enlarge": False,
    "format": "auto",
    "quality": 85,
    "metadata": "drop",
    "formats": DECODER["formats"],
    "max_bytes": 100_000,
    "max_pixels": 1_000_000,
    "inline_pixels": 1_000_000,
    "threads": 1,
    "queue": 1,
}
JPEG = photos.photo(64, 48)


def stage(*before: Any, submit: Any = None, **options: Any) -> tuple[Edge, list[Any]]:
    loop = new_loop()
    notes: list[Any] = []
    resize = ImageResize("image/resize", {**OPTIONS, **options}, submit)
    resize.start(loop)
    spy = Spy("spy", [], done=lambda exchange: notes.append(exchange.notes))
    return Edge(filters=[spy, *before, resize], loop=loop), notes


def ask(data: bytes, kind: str = "image/jpeg", *fields: str) -> bytes:
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


def test_a_small_image_is_made_at_once() -> None:
    edge, notes = stage()
    edge.client(ask(JPEG))
    got = edge.connect().take()
    assert photos.read(plain(got)).size == (32, 24)
    assert b"content-type: image/jpeg\r\n" in head_of(got) and b"content-length: " in head_of(got)
    edge.end()
    assert notes == [{"image_format": "jpeg", "image_width": 32, "image_height": 24}]


def test_a_large_one_is_made_elsewhere_and_others_are_served_meanwhile() -> None:
    elsewhere = Elsewhere()
    edge, notes = stage(submit=elsewhere, inline_pixels=64 * 48 - 1, format="png")
    edge.client(ask(JPEG))
    edge.run()
    assert len(elsewhere.jobs) == 1 and not edge.attempts and edge.plane.body_bytes == len(JPEG)
    other, service = edge.pair(GET)
    service.feed(OK)
    assert statuses(other.take()) == [200] and service.take()
    elsewhere.do()
    edge.run()
    got = service.take()
    assert photos.read(plain(got)).size == (32, 24) and b"content-type: image/png\r\n" in head_of(got)
    assert edge.plane.body_bytes == 0
    edge.end()
    assert notes[-1] == {"image_format": "png", "image_width": 32, "image_height": 24}


def test_a_small_one_that_becomes_large_is_made_elsewhere() -> None:
    elsewhere = Elsewhere()
    edge, _ = stage(submit=elsewhere, inline_pixels=64 * 48, fit="stretch", width=400, height=400)
    edge.client(ask(JPEG))
    edge.run()
    assert len(elsewhere.jobs) == 1
    edge.end()


def test_what_is_too_much_for_the_threads_is_refused() -> None:
    elsewhere = Elsewhere()
    edge, _ = stage(submit=elsewhere, inline_pixels=0)
    clients = [edge.client(ask(JPEG)) for _ in range(3)]
    edge.run()
    got = clients[2].take()
    assert statuses(got) == [503] and b"work_queue_full" in got and b"retry-after" in head_of(got)
    assert len(elsewhere.jobs) == 2 and not clients[0].take()
    edge.end()


def test_what_waits_in_line_ends_with_its_client() -> None:
    elsewhere = Elsewhere()
    edge, _ = stage(submit=elsewhere, inline_pixels=0)
    client = edge.client(ask(JPEG))
    edge.run()
    client.lose()
    edge.run()
    assert elsewhere.jobs[0][1].cancelled() and edge.plane.body_bytes == 0
    elsewhere.do()
    edge.run()
    assert not edge.attempts
    edge.end()


@pytest.mark.parametrize("inline", [0, 1_000_000])
def test_a_broken_image_is_refused_wherever_it_is_decoded(inline: int) -> None:
    elsewhere = Elsewhere()
    edge, _ = stage(submit=elsewhere, inline_pixels=inline)
    client = edge.client(ask(JPEG[: len(JPEG) // 2]))
    edge.run()
    for _ in elsewhere.jobs[:]:
        elsewhere.do()
    edge.run()
    got = client.take()
    assert statuses(got) == [422] and b"image_malformed" in got and not edge.log
    edge.end()


def code_of(answer: bytes) -> str:
    return str(json.loads(body_of(answer))["type"]).rpartition(":")[2]


@pytest.mark.parametrize(
    ("request_", "options", "status", "code"),
    [
        (ask(JPEG, "text/plain"), {}, 415, "body_type_refused"),
        (ask(JPEG, "application/json"), {}, 415, "body_type_refused"),
        (ask(JPEG, "image/jpeg", "Content-Encoding: gzip"), {}, 415, "body_type_refused"),
        (ask(JPEG, "image/jpeg", "Cache-Control: no-transform"), {}, 415, "body_type_refused"),
        (ask(b"<svg/>", "image/svg+xml"), {}, 415, "image_type_refused"),
        (ask(JPEG), {"formats": ("png",)}, 415, "image_type_refused"),
        (ask(JPEG), {"max_bytes": 100}, 413, "image_too_large"),
        (ask(JPEG), {"max_pixels": 64 * 48 - 1}, 413, "image_too_large"),
        (ask(pictures.png(50_000, 50_000), "image/png"), {}, 413, "image_too_large"),
        (ask(JPEG[:8]), {}, 422, "image_malformed"),
        (ask(pictures.png(0, 5), "image/png"), {}, 422, "image_malformed"),
    ],
)
def test_what_is_refused(request_: bytes, options: dict[str, Any], status: int, code: str) -> None:
    edge, _ = stage(**options)
    got = edge.client(request_).take()
    assert statuses(got) == [status] and code_of(got) == code and not edge.attempts
    edge.end()


def test_a_request_without_a_body_passes() -> None:
    edge, _ = stage()
    client, service = edge.pair(GET)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize("step", [50, 100_000])
def test_it_takes_what_a_decoder_in_front_of_it_makes(step: int) -> None:
    edge, notes = stage(ImageBase64Decoder("image/base64-decoder", DECODER))
    body = json.dumps({"image": base64.b64encode(JPEG).decode()}).encode()
    client, request = edge.client(), ask(body, "application/json")
    for at in range(0, len(request), step):
        client.feed(request[at : at + step])
    got = edge.connect().take()
    assert photos.read(plain(got)).size == (32, 24) and b"content-type: image/jpeg\r\n" in head_of(got)
    edge.end()
    assert notes[-1]["image_width"] == 32


def test_threads_of_its_own() -> None:
    async def main() -> None:
        resize = ImageResize("image/resize", OPTIONS)
        resize.start(asyncio.get_running_loop())
        from fastgw.wire.images import KINDS

        made = await resize.threads.run(resize.work_of(JPEG, KINDS["jpeg"]))
        assert (made.width, made.height) == (32, 24)
        resize.stop()

    asyncio.run(main())

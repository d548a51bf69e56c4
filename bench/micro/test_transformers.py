"""The built-in transformers, each on one body; of what is decoded as it comes, on one read of it."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from bench.micro.stage import Benchmark
from fastgw.transformers.audio_base64_decoder import AudioBase64Decoder
from fastgw.transformers.base64_body import Base64Decoder
from fastgw.transformers.image_base64_decoder import ImageBase64Decoder
from fastgw.transformers.json_bbox_formatter import JsonBboxFormatter
from fastgw.transformers.json_select import JsonSelect
from fastgw.transformers.json_template import JsonTemplate

READ = 64 * 1024  #: bytes of a body that come at once
IMAGES = ("png", "jpeg", "gif", "webp", "bmp", "tiff")
OF_BASE64: dict[str, Any] = {"max_bytes": 1 << 40, "max_json": 1000}
OF_JSON: dict[str, Any] = {"inline_bytes": 1 << 20, "queue": 1}
BOXES = {"score": 0.98, "label": "remote", "box": {"xmin": 40, "ymin": 70, "xmax": 175, "ymax": 117}}
ITEMS = {"items": [{"name": f"n{number}", "score": 0.5, "raw": [1, 2, 3, 4]} for number in range(100)]}


def decode(benchmark: Benchmark, decoder: Base64Decoder, start: bytes) -> None:
    """One read in the middle of a body."""
    exchange: Any = SimpleNamespace(request=SimpleNamespace(set_header=lambda *_: None), note=lambda *_: None)
    hook = decoder.decoding(exchange)
    hook.feed(b'{"%s": "' % decoder.field[0].encode() + base64.b64encode(start + bytes(3 - len(start) % 3 + 300)))
    piece = base64.b64encode(bytes(range(256)) * (READ // 256 * 3 // 4))
    out = benchmark(hook.feed, piece)
    assert len(out) == READ * 3 // 4


def test_image_base64_decoder(benchmark: Benchmark) -> None:
    """The field is found, decoded and counted."""
    options = {**OF_BASE64, "field": "image", "formats": IMAGES, "max_pixels": 1 << 40}
    start = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x10\0\0\0\x10\0\x08\x02\0\0\0"
    decode(benchmark, ImageBase64Decoder("image/base64-decoder", options), start)


def test_audio_base64_decoder(benchmark: Benchmark) -> None:
    """The same of a recording."""
    options = {**OF_BASE64, "field": "audio", "formats": ("flac",)}
    decode(benchmark, AudioBase64Decoder("audio/base64-decoder", options), b"fLaC")


def test_json_bbox_formatter(benchmark: Benchmark) -> None:
    """Ten boxes."""
    options = {
        "source": "auto",
        "format": "auto",
        "unit": "auto",
        "to": "normalized",
        "max_bytes": 1 << 20,
        "max_boxes": 100,
        **OF_JSON,
    }
    formatter = JsonBboxFormatter("json/bbox-formatter", options)
    out = benchmark(formatter.formatted, json.dumps([BOXES] * 10).encode(), (400, 200))
    assert out.count(b"remote") == 10


def test_json_select(benchmark: Benchmark) -> None:
    """Two fields of a hundred objects, one of them by another name."""
    options = {"require": (), "pick": None, "keep": ("/items/*/name", "/items/*/score"), "drop": ()}
    select = JsonSelect(
        "json/select",
        {**options, "rename": (("/items/*/name", "label"),), "side": "output", **OF_JSON, "max_bytes": 1 << 20},
    )
    body = orjson.dumps(ITEMS)
    out = benchmark(lambda: orjson.dumps(select.make(orjson.loads(body))))
    assert out.count(b"label") == 100 and b"raw" not in out


def test_json_template(benchmark: Benchmark) -> None:
    """Three references."""
    template = orjson.dumps({"a": {"$": "/items/0/name"}, "b": {"$": "/items"}, "c": {"$": "/x", "default": 1}})
    made = JsonTemplate(
        "json/template",
        {"template": template, "side": "output", **OF_JSON, "max_bytes": 1 << 20, "max_output": 1 << 20},
    )
    body = orjson.dumps(ITEMS)
    out = benchmark(lambda: orjson.dumps(made.make(orjson.loads(body))))
    assert out.startswith(b'{"a":"n0"')


def test_image_resize(benchmark: Benchmark) -> None:
    """A JPEG of 128 x 96 pixels, the largest that is made on the loop."""
    pytest.importorskip("PIL")
    from fastgw.transformers.pixels import Target, resized
    from fastgw.wire.images import KINDS
    from tests.support.photos import photo

    target = Target(64, 64, "fit", False, "auto", 85, 1_000_000, False)
    made = benchmark(resized, photo(128, 96), KINDS["jpeg"], target)
    assert (made.width, made.height) == (64, 48)

"""What an image says of itself, at any split; what says nonsense is no image."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import pytest

from fastgw.wire.images import KINDS, SNIFFED, SizeReader, sniff
from tests.support import pictures

SAMPLES = Path(__file__).resolve().parents[3] / "examples" / "samples"
MADE = {
    "png": pictures.png,
    "jpeg": pictures.jpeg,
    "gif": pictures.gif,
    "bmp": pictures.bmp,
    "bmp core": pictures.bmp_core,
    "webp lossy": pictures.webp_lossy,
    "webp lossless": pictures.webp_lossless,
    "webp extended": pictures.webp_extended,
    "tiff": pictures.tiff,
    "tiff big-endian": lambda width, height: pictures.tiff(width, height, ">", 0),
}


def size(image: bytes, step: int = 1 << 20) -> tuple[int, int] | None:
    kind = sniff(image[:SNIFFED])
    assert kind is not None
    reader = SizeReader(kind)
    for at in range(0, len(image), step):
        reader.feed(image[at : at + step])
    return reader.size


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_its_size_is_found_in_pieces_of_any_length(name: str, step: int) -> None:
    image = MADE[name](1234, 567)
    kind = sniff(image[:SNIFFED])
    assert kind is not None and kind.name == name.partition(" ")[0]
    assert size(image, step) == (1234, 567)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_it_is_what_another_reader_finds(name: str) -> None:
    pil = pytest.importorskip("PIL.Image")
    out = BytesIO()
    pil.new("RGB", (321, 123), "red").save(out, name)
    kind = sniff(out.getvalue()[:SNIFFED])
    assert kind is not None and kind.name == name.lower()
    assert size(out.getvalue(), 5) == (321, 123)


def test_of_real_files() -> None:
    assert size((SAMPLES / "tray.jpg").read_bytes(), 100) == (640, 420)
    assert size((SAMPLES / "shapes.png").read_bytes(), 100) == (600, 360)


def test_a_jpeg_is_read_past_whatever_is_in_front_of_its_frame() -> None:
    exif = pictures.segment(0xE1, b"\xff\xc0\0\x11" * 15_000)  # looks like frames inside
    tables = pictures.segment(0xC4, b"\0" * 20) + b"\xff\xff\xff" + pictures.segment(0xDB, b"x") + b"\xff\x01"
    for code in (0xC0, 0xC2, 0xCF):
        assert size(pictures.jpeg(70, 80, exif + tables, code), 1000) == (70, 80)


@pytest.mark.parametrize(
    "image",
    [
        pictures.png(0, 5),
        pictures.png(5, 5).replace(b"IHDR", b"IDAT"),
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 12) + pictures.png(5, 5)[12:],
        pictures.jpeg(5, 0),
        b"\xff\xd8\xff\xda\0\4" + b"\0" * 20,
        b"\xff\xd8\xff\xe0\0\1" + b"\0" * 20,
        b"\xff\xd8\xff\xe0\0\2\0\0" + b"\0" * 20,
        b"\xff\xd8" + b"\xff" * 10_000,
        b"\xff\xd8" + b"\xff\xe0\0\2" * 10_000,
        b"\xff\xd8" + b"\xff\x01" * 10_000,
        pictures.gif(0, 0),
        pictures.bmp(-5, 5),
        b"BM" + b"\0" * 12 + struct.pack("<I", 13) + b"\0" * 20,
        pictures.webp_lossy(5, 5).replace(b"\x9d\x01\x2a", b"\0\0\0"),
        pictures.webp_lossless(5, 5).replace(b"\x2f", b"\x2e"),
        pictures.webp_lossy(5, 5).replace(b"VP8 ", b"ICCP"),
        b"II*\0\7\0\0\0" + b"\0" * 20,
        pictures.tiff(5, 5, gap=0)[:8] + b"\xff\xff" + b"\0" * 20,
        pictures.tiff(5, 5, gap=0).replace(struct.pack("<HH", 257, 4), struct.pack("<HH", 258, 4)),
        pictures.tiff(5, 5, gap=0).replace(struct.pack("<HH", 257, 4), struct.pack("<HH", 257, 2)),
        pictures.tiff(5, 5, gap=0).replace(struct.pack("<HH", 254, 4), struct.pack("<HH", 257, 4)),
    ],
)
@pytest.mark.parametrize("step", [1, 100_000])
def test_one_without_a_size_is_none(image: bytes, step: int) -> None:
    with pytest.raises(ValueError):
        size(image, step)


@pytest.mark.parametrize("name", MADE)
def test_one_that_is_cut_in_front_of_its_size_has_none(name: str) -> None:
    assert size(MADE[name](5, 5)[:SNIFFED]) is None or name == "gif"


@pytest.mark.parametrize(
    "data", [b"", b"\x89PN", b"<svg>", b"RIFF\0\0\0\0WAVE", b"II+\0", b"%PDF-1.7", b"\0\0\0\x0cftypheic"]
)
def test_what_is_no_known_format(data: bytes) -> None:
    assert sniff(data) is None


def test_each_kind_has_its_name_and_type() -> None:
    assert {one.media_type for one in KINDS.values()} == {b"image/" + name.encode() for name in KINDS}

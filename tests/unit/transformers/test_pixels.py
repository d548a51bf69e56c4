"""Images of another size: every mode, every way to fit, upright, without metadata; broken ones and bombs are refused."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from fastgw.errors import DownstreamError
from fastgw.transformers.pixels import Made, Target, effort, resized
from fastgw.wire.images import KINDS
from tests.support import photos, pictures
from tests.support.examples import examples

pytestmark = pytest.mark.filterwarnings("ignore:::PIL")

TARGET = Target(32, 32, "fit", False, "auto", 85, 1_000_000, False)
JPEG = photos.photo(64, 48)


def made(data: bytes, kind: str = "jpeg", **changes: Any) -> Made:
    found = resized(data, KINDS[kind], TARGET._replace(**changes))
    image = photos.read(found.data)
    assert image.size == (found.width, found.height) and (image.format or "").lower() == found.format
    return found


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, (32, 24)),
        ({"width": 0, "height": 12}, (16, 12)),
        ({"width": 16, "height": 0}, (16, 12)),
        ({"width": 640, "height": 640}, (64, 48)),
        ({"width": 640, "height": 640, "is_enlarging": True}, (640, 480)),
        ({"fit": "fill"}, (32, 32)),
        ({"fit": "fill", "width": 100, "height": 10}, (100, 10)),
        ({"fit": "stretch", "width": 100, "height": 10}, (100, 10)),
        ({"width": 1, "height": 1}, (1, 1)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_sizes(changes: dict[str, Any], size: tuple[int, int], kind: str) -> None:
    found = made(photos.photo(64, 48, kind), kind.lower(), **changes)
    assert (found.width, found.height) == size


def test_what_is_filled_shows_the_middle() -> None:
    found = photos.read(made(photos.photo(120, 40, "PNG"), "png", fit="fill", width=20, height=20).data)
    assert found.getpixel((1, 1)) == (255, 0, 0) and found.getpixel((18, 1)) == (0, 255, 0)
    assert found.getpixel((1, 18)) == (0, 0, 255) and found.getpixel((18, 18)) == (128, 128, 128)


def test_a_large_jpeg_is_decoded_smaller_and_has_the_size_of_the_whole() -> None:
    found = made(photos.photo(4001, 3003), max_pixels=20_000_000)
    assert (found.width, found.height) == (32, 24) and photos.corner(found.data) == "red"
    found = made(photos.photo(4001, 3003), max_pixels=20_000_000, fit="fill", width=40, height=10)
    assert photos.corner(found.data) == "red"


@pytest.mark.parametrize(
    ("orientation", "size", "corner"),
    [
        (1, (32, 16), "red"),
        (3, (32, 16), "grey"),
        (6, (16, 32), "blue"),
        (8, (16, 32), "green"),
        (9, (32, 16), "red"),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_images_stand_upright_and_say_nothing_of_themselves(
    orientation: int, size: tuple[int, int], corner: str, kind: str
) -> None:
    found = made(photos.photo(64, 32, kind, exif=photos.turned(orientation)), kind.lower())
    assert (found.width, found.height) == size and photos.corner(found.data) == corner
    assert not photos.read(found.data).getexif() and b"maker" not in found.data


def test_metadata_can_be_kept() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("JPEG", "PNG", "WEBP"):
        data = photos.photo(64, 48, kind, exif=photos.turned(6), icc_profile=profile)
        image = photos.read(made(data, kind.lower(), keeps_metadata=True).data)
        assert image.info["icc_profile"] == profile and image.getexif()[0x010F] == "maker"
        assert image.getexif().get(0x0112, 1) == 1  # it is upright now
        assert "icc_profile" not in photos.read(made(data, kind.lower()).data).info


def test_broken_exif_is_not_the_image() -> None:
    data = photos.photo(64, 48, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    assert made(data).width == 32


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "L", {}),
        ("PNG", "1", {}),
        ("PNG", "P", {}),
        ("PNG", "P", {"transparency": 0}),
        ("PNG", "RGB", {"transparency": (255, 0, 0)}),
        ("PNG", "L", {"transparency": 0}),
        ("PNG", "1", {"transparency": 0}),
        ("PNG", "LA", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "I;16", {}),
        ("JPEG", "L", {}),
        ("JPEG", "CMYK", {}),
        ("JPEG", "RGB", {"progressive": True}),
        ("GIF", "P", {}),
        ("WEBP", "RGBA", {}),
        ("BMP", "RGB", {}),
        ("TIFF", "CMYK", {}),
        ("TIFF", "F", {}),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ],
)
@pytest.mark.parametrize("to", ["auto", "jpeg", "png", "webp"])
def test_every_mode_becomes_every_format(kind: str, mode: str, options: dict[str, Any], to: str) -> None:
    found = made(photos.photo(64, 48, kind, mode, **options), kind.lower(), format=to)
    expected = to if to != "auto" else {"JPEG": "jpeg", "WEBP": "webp"}.get(kind, "png")
    assert (found.format, found.width, found.height) == (expected, 32, 24)


def test_transparency_stays_or_is_white() -> None:
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    data = photos.photo(64, 64, "PNG", "RGBA")
    assert photos.read(made(data, "png").data).mode == "RGBA"
    from io import BytesIO

    out = BytesIO()
    image.save(out, "PNG")
    assert photos.read(made(out.getvalue(), "png").data).getpixel((5, 5))[3] == 0  # type: ignore[index]
    assert photos.read(made(out.getvalue(), "png", format="jpeg").data).getpixel((5, 5)) == (255, 255, 255)


def test_sixteen_bits_of_grey_are_no_white() -> None:
    from io import BytesIO

    out = BytesIO()
    Image.new("I;16", (64, 64), 0x4000).save(out, "PNG")
    assert photos.read(made(out.getvalue(), "png").data).getpixel((5, 5)) == 0x40


def test_of_a_moving_image_the_first_is_taken() -> None:
    from io import BytesIO

    frames = [Image.new("RGB", (64, 48), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        out = BytesIO()
        frames[0].save(out, kind, save_all=True, append_images=frames[1:])
        assert photos.corner(made(out.getvalue(), kind.lower()).data) == "red"


def refused(data: bytes, kind: str = "jpeg", **changes: Any) -> DownstreamError:
    with pytest.raises(DownstreamError) as error:
        made(data, kind, **changes)
    return error.value


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_half_an_image_is_none(kind: str) -> None:
    data = photos.photo(640, 480, kind)
    error = refused(data[: len(data) // 2], kind.lower())
    assert (error.status, error.code) == (422, "image_malformed") and error.reason.startswith(error.detail)


def test_what_is_of_another_format_than_it_says_is_not_opened() -> None:
    assert refused(JPEG, "png").code == "image_malformed"


def test_an_image_whose_header_says_two_sizes_is_held_to_the_larger() -> None:
    error = refused(photos.photo(640, 480), max_pixels=1000)
    assert (error.status, error.code) == (413, "image_too_large") and "640 x 480" in error.detail


def test_a_bomb_of_scans_is_not_decoded() -> None:
    error = refused(JPEG + b"\xff\xda" * 101)
    assert error.code == "image_malformed" and "100 scans" in error.detail


def test_a_bomb_of_pixels_is_not_decoded() -> None:
    rest = photos.photo(64, 48, "PNG")[33:]
    assert refused(pictures.png(50_000, 50_000, rest), "png").code == "image_too_large"


@pytest.mark.parametrize("orientation", [1, 6])
def test_what_a_thin_image_would_become_is_bounded_too(orientation: int) -> None:
    size = (2, 600) if orientation == 1 else (600, 2)
    data = photos.photo(*size, exif=photos.turned(orientation))
    error = refused(data, width=640, height=0, is_enlarging=True)
    assert (error.status, error.code) == (413, "image_too_large") and "640 x 192000 pixels" in error.detail
    assert effort(size, TARGET._replace(width=640, height=0, is_enlarging=True)) == 640 * 192_000


@pytest.mark.parametrize(("to", "most"), [("jpeg", 65_500), ("webp", 16_383)])
def test_what_no_format_has_room_for_is_refused(to: str, most: int) -> None:
    error = refused(photos.photo(2, most + 1, "PNG"), "png", format=to, height=0)
    assert (error.status, error.code) == (413, "image_too_large") and str(most) in error.detail


def test_metadata_that_cannot_be_kept_makes_no_bug() -> None:
    tags = Image.Exif()
    tags[0x010F] = "x" * 70_000
    error = refused(photos.photo(64, 48, "PNG", exif=tags.tobytes()), "png", format="jpeg", keeps_metadata=True)
    assert (error.status, error.code) == (422, "image_malformed")


@pytest.mark.parametrize("kind", ["png", "gif"])
def test_an_image_has_no_more_pixels_than_the_header_by_which_it_was_judged(kind: str) -> None:
    data = photos.photo(640, 480, kind.upper())
    data = pictures.png(1, 1, data[8:]) if kind == "png" else data[:6] + b"\1\0\1\0" + data[10:]
    error = refused(data, kind)
    assert (error.status, error.code) == (422, "image_malformed") and "640 x 480" in error.detail


def test_tiles_of_a_tiff_are_no_bomb() -> None:
    def tiled(side: int) -> bytes:
        return pictures.tiled_tiff(16, 16, side, zlib.compress(bytes(side * side)))

    assert made(tiled(256), "tiff").width == 16
    error = refused(tiled(4096), "tiff")
    assert (error.status, error.code) == (413, "image_too_large") and "4096 x 4096" in error.detail


@settings(max_examples=examples(60), deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]), st.data())
def test_whatever_comes_is_an_image_or_refused(kind: str, data: st.DataObject) -> None:
    broken = bytearray(photos.photo(40, 30, kind))
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(12, len(broken) - 1))] = data.draw(st.integers(0, 255))
    status = 200
    try:
        found = resized(bytes(broken), KINDS[kind.lower()], TARGET)
        assert found.width * found.height <= TARGET.max_pixels and found.data
    except DownstreamError as error:
        status = error.status
    assert status in (200, 413, 422)

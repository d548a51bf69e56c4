"""An image, made anew in another size: what needs Pillow (``fastgw[image]``), and a thread where the image is not small.

Only the format that the first bytes say is opened, its size is known to be within bounds, and nothing of it survives but its pixels.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any, Final, NamedTuple

from PIL import (
    BmpImagePlugin,  # noqa: F401 - each format makes itself known, and without these six Pillow would import forty
    GifImagePlugin,  # noqa: F401
    Image,
    ImageOps,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from fastgw.errors import DownstreamError
from fastgw.wire.images import Kind, SizeReader

_PLUGINS: Final = {"png": "PNG", "jpeg": "JPEG", "gif": "GIF", "webp": "WEBP", "bmp": "BMP", "tiff": "TIFF"}
_SCANS_MAX: Final = 100  #: of a progressive JPEG, each of which takes as long as the whole image
_ORIENTATION: Final = 0x0112  #: a tag of EXIF 2.32
_TURNED: Final = (2, 3, 4, 5, 6, 7, 8)
_ON_ITS_SIDE: Final = (5, 6, 7, 8)
_SCAN: Final = b"\xff\xda"
_TILE: Final = (322, 323)  #: width and height of one, tags of TIFF 6.0 section 15
_PADDED: Final = 4  #: times the pixels of an image that its tiles have, at most
_PADDED_MIN: Final = 1 << 22  #: pixels that they may have in any case
_SIDE_MAX: Final = {"jpeg": 65_500, "webp": 16_383}  #: pixels that can be written
_WHITE: Final = (255, 255, 255)
_DRAFT: Final = 2  #: a JPEG is decoded at no less than so many times what it becomes


warnings.filterwarnings("ignore", module=r"PIL\.")  # what it finds odd in an image of a client is no line of a log


class Target(NamedTuple):
    """What an image is to become."""

    width: int  #: 0: whatever follows from the other
    height: int
    fit: str  #: "fit", "fill" or "stretch"
    is_enlarging: bool
    format: str  #: "auto", "png", "jpeg" or "webp"
    quality: int  #: 1 to 100, of what has one
    max_pixels: int
    keeps_metadata: bool


class Made(NamedTuple):
    """What it has become."""

    data: bytes
    format: str
    width: int
    height: int


def resized(data: bytes, kind: Kind, target: Target) -> Made:
    """The image ``data``, of ``kind``, as ``target`` says.

    Raises:
        DownstreamError: 422 ``image_malformed``; 413 ``image_too_large``.
    """
    if kind.name == "jpeg" and data.count(_SCAN) > _SCANS_MAX:
        raise malformed(f"has more than {_SCANS_MAX} scans")
    try:
        return _written(*_opened(data, kind, target), kind, target)
    except DownstreamError:
        raise
    except Image.DecompressionBombError:
        raise too_large(f"has more than the {target.max_pixels} pixels allowed here") from None
    except Exception as error:  # noqa: BLE001 - whatever a codec makes of broken bytes
        raise malformed("cannot be decoded: it is broken, or ends early", type(error).__name__) from None


def _written(image: Image.Image, full: tuple[int, int], metadata: dict[str, Any], kind: Kind, target: Target) -> Made:
    """``image``, decoded, of which all is ``full`` large, in its size and format."""
    name = _name(kind, target)
    size, box = _geometry(full, target)
    if box is not None:
        across, down = image.width / full[0], image.height / full[1]
        box = (box[0] * across, box[1] * down, min(box[2] * across, image.width), min(box[3] * down, image.height))
    if box is not None or image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=2.0)
    out = BytesIO()
    if name == "jpeg":
        _flat(image).save(out, "JPEG", quality=target.quality, **metadata)
    elif name == "webp":
        image.save(out, "WEBP", quality=target.quality, **metadata)
    else:
        image.save(out, "PNG", **metadata)
    return Made(out.getvalue(), name, *size)


def effort(size: tuple[int, int], target: Target) -> int:
    """How many pixels are computed to make an image of ``size`` anew, about: those that it has, or gets, as it is or on its side."""
    width, height = size
    gets = [_geometry(one, target)[0] for one in ((width, height), (height, width))]
    return max(width * height, *(across * down for across, down in gets))


def too_large(what: str) -> DownstreamError:
    """413 for an image that has too much of something."""
    return DownstreamError(413, "image_too_large", f"the image {what}")


def malformed(what: str, why: str = "") -> DownstreamError:
    """422 for an image that is none; ``why``: more, for the operator."""
    detail = f"the image {what}"
    return DownstreamError(422, "image_malformed", detail, reason=f"{detail} ({why})" if why else "")


def _opened(data: bytes, kind: Kind, target: Target) -> tuple[Image.Image, tuple[int, int], dict[str, Any]]:
    """The decoded image, upright; its size, of which a JPEG may have been decoded smaller; and what it says of itself, if that is kept."""
    image: Image.Image = Image.open(BytesIO(data), formats=(_PLUGINS[kind.name],))
    width, height = image.size
    if width * height > target.max_pixels:  # its header says it in two ways
        raise too_large(f"has {width} x {height} pixels, more than the {target.max_pixels} allowed here")
    said = SizeReader(kind).feed(data)
    if said is None or width * height > said[0] * said[1]:  # by which it was judged
        raise malformed(f"has {width} x {height} pixels, more than it says")
    if kind.name == "tiff":
        _check_tiles(image)
    turned = _orientation(image)
    full = (height, width) if turned in _ON_ITS_SIDE else (width, height)
    _check_made(_geometry(full, target)[0], _name(kind, target), target)
    if kind.name == "jpeg":  # which can be decoded at an eighth of its size, in a fraction of the time
        most = max(_geometry(full, target)[0]) * _DRAFT
        image.draft(None, (most, most))
    image.load()
    profile = image.info.get("icc_profile")
    if turned in _TURNED:
        image = ImageOps.exif_transpose(image)
    metadata = {"icc_profile": profile, "exif": image.getexif().tobytes()} if target.keeps_metadata else {}
    image = _plain(image)
    image.info = {}  # of which PNG would write more than it is asked to
    return image, full, metadata


def _check_tiles(image: Image.Image) -> None:
    """The tiles of a TIFF are decoded whole, however little of them is in the image."""
    across, down = (image.tag_v2.get(tag, 0) for tag in _TILE)  # type: ignore[attr-defined]
    if across > 0 and down > 0:
        decoded = -(-image.width // across) * across * -(-image.height // down) * down
        if decoded > max(_PADDED * image.width * image.height, _PADDED_MIN):
            raise too_large(f"has tiles of {across} x {down} pixels, most of which are not in it")


def _check_made(size: tuple[int, int], name: str, target: Target) -> None:
    """What it is to become is within bounds, too: of one that is thin, another side can be very long."""
    width, height = size
    if width * height > target.max_pixels:
        raise too_large(f"would become {width} x {height} pixels, more than the {target.max_pixels} allowed here")
    most = _SIDE_MAX.get(name, 0)
    if most and max(size) > most:
        raise too_large(f"would become {width} x {height} pixels, and no side of {name} has more than {most}")


def _name(kind: Kind, target: Target) -> str:
    """The format of what is made."""
    if target.format != "auto":
        return target.format
    return kind.name if kind.name in ("jpeg", "webp") else "png"


def _orientation(image: Image.Image) -> object:
    """How the camera was held; None: nobody knows, or the EXIF is broken, as that of many photos is."""
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - whatever a parser makes of broken bytes
        return None


def _geometry(
    size: tuple[int, int], target: Target
) -> tuple[tuple[int, int], tuple[float, float, float, float] | None]:
    """The size that an image of ``size`` gets, and the part of it that is used; None: all."""
    width, height = size
    if target.fit == "stretch":
        return (target.width, target.height), None
    ratios = [most / had for most, had in ((target.width, width), (target.height, height)) if most]
    if target.fit == "fill":
        across, down = target.width / max(ratios), target.height / max(ratios)
        left, top = max(width - across, 0) / 2, max(height - down, 0) / 2
        return (target.width, target.height), (left, top, left + across, top + down)
    scale = min(ratios)
    if scale > 1 and not target.is_enlarging:
        return size, None
    return (max(1, round(width * scale)), max(1, round(height * scale))), None


def _plain(image: Image.Image) -> Image.Image:
    """``image`` in a mode that can be scaled, and written in every format."""
    if image.mode.startswith("I"):  # 16 bits of grey
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in ("1", "L"):
        return image.convert("L")
    return image if image.mode in ("RGB", "RGBA") else image.convert("RGB")


def _flat(image: Image.Image) -> Image.Image:
    """``image`` without transparency: on white."""
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGB", image.size, _WHITE)
    ground.paste(image, mask=image.getchannel("A"))
    return ground

"""Real images, made by Pillow."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image


def photo(width: int, height: int, kind: str = "JPEG", mode: str = "RGB", **options: Any) -> bytes:
    """A picture of which each quarter has a colour of its own: red, green, blue and grey."""
    image = Image.new("RGB", (width, height), (128, 128, 128))
    half = (width // 2, height // 2)
    image.paste((255, 0, 0), (0, 0, *half))
    image.paste((0, 255, 0), (half[0], 0, width, half[1]))
    image.paste((0, 0, 255), (0, half[1], half[0], height))
    out = BytesIO()
    image.convert(mode).save(out, kind, **options)
    return out.getvalue()


def turned(orientation: int) -> bytes:
    """EXIF that says how the camera was held, and by whom it was made."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = "maker"
    return tags.tobytes()


def read(data: bytes) -> Image.Image:
    """The image, decoded."""
    image = Image.open(BytesIO(data))
    image.load()
    return image


def corner(data: bytes) -> str:
    """The colour of the upper left corner."""
    red, green, blue = read(data).convert("RGB").getpixel((2, 2))  # type: ignore[misc]
    return "red" if red > 200 > green else "green" if green > 200 > blue else "blue" if blue > 200 else "grey"

"""``POST /vision/detect``: the things in a picture, as boxes.

No network of neurons: what differs from the background is foreground, and each connected piece of it is a thing.

1. The background colour is the median of the border pixels, channel by channel.
2. Each pixel's distance to it (largest channel) is split in two by Otsu's threshold.
3. Connected regions (8 neighbours) are joined run by run, row by row, with a union-find.
4. A region's share of its own box tells the shape: a rectangle fills it, an ellipse pi/4 of it, a triangle half.

Takes a PNG or JPEG as it is, or as base64 in JSON ``{"image": "..."}``.
"""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from _http import Answer, Call, Problem, arguments, json_answer, run
from PIL import Image, ImageChops, ImageOps, ImageStat

MOST_BYTES = 20 * 1024 * 1024  #: of the request body
MOST_PIXELS = 40_000_000  #: of the picture, checked before it is decoded
WORKING_SIDE = 640  #: pixels: larger pictures are scaled down to this before the search
LEAST_CONTRAST = 24  #: distance to the background (0 to 255) below which nothing is foreground
LEAST_SHARE = 0.0005  #: of the picture: smaller regions are noise
MOST_BOXES = 100
Image.MAX_IMAGE_PIXELS = None  # the check here is stricter, and answers instead of warning
SHAPES = (("rectangle", 1.0), ("ellipse", math.pi / 4), ("triangle", 0.5))


@dataclass(slots=True)
class Region:
    """One connected region: its box (right and bottom exclusive) and its number of pixels."""

    left: int
    top: int
    right: int
    bottom: int
    area: int

    def join(self, other: Region) -> None:
        """Take ``other`` in."""
        self.left, self.top = min(self.left, other.left), min(self.top, other.top)
        self.right, self.bottom = max(self.right, other.right), max(self.bottom, other.bottom)
        self.area += other.area

    @property
    def fill(self) -> float:
        """The share of its box that the region covers, 0 to 1."""
        return self.area / ((self.right - self.left) * (self.bottom - self.top))


def read_image(data: bytes) -> Image.Image:
    """A PNG or JPEG as RGB, upright, on white; raises ``Problem`` 400 or 413."""
    try:
        image = Image.open(BytesIO(data), formats=("PNG", "JPEG"))
        if image.width * image.height > MOST_PIXELS:
            raise Problem(413, f"the picture has more than {MOST_PIXELS} pixels")
        upright = ImageOps.exif_transpose(image)
        if "A" in upright.getbands() or "transparency" in upright.info:
            layer = upright.convert("RGBA")
            upright = Image.new("RGBA", layer.size, "white")
            upright.alpha_composite(layer)
        return upright.convert("RGB")
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        raise Problem(400, "the body is not a PNG or JPEG picture") from None


def background(image: Image.Image) -> tuple[int, int, int]:
    """The median colour of the border."""
    width, height = image.size
    edge = Image.new("RGB", (2 * (width + height), 1))
    edge.paste(image.crop((0, 0, width, 1)), (0, 0))
    edge.paste(image.crop((0, height - 1, width, height)), (width, 0))
    edge.paste(image.crop((0, 0, 1, height)).transpose(Image.Transpose.ROTATE_90), (2 * width, 0))
    edge.paste(image.crop((width - 1, 0, width, height)).transpose(Image.Transpose.ROTATE_90), (2 * width + height, 0))
    red, green, blue = ImageStat.Stat(edge).median
    return int(red), int(green), int(blue)


def otsu(histogram: list[int]) -> int:
    """The level that parts a 256-bin histogram so that the variance between the two classes is largest."""
    total = sum(histogram)
    weighted = sum(level * count for level, count in enumerate(histogram))
    best, best_level, below, below_sum = -1.0, 0, 0, 0
    for level, count in enumerate(histogram):
        below += count
        below_sum += level * count
        above = total - below
        if not below or not above:
            continue
        gap = below_sum / below - (weighted - below_sum) / above
        variance = below * above * gap * gap
        if variance > best:
            best, best_level = variance, level
    return best_level


def regions(mask: bytes, width: int, height: int) -> list[Region]:
    """The 8-connected regions of the non-zero bytes of a mask whose bytes are 0 or 255, in reading order."""
    found: list[Region] = []
    parent: list[int] = []

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    above: list[tuple[int, int, int]] = []  # runs of the row above: start, end, region
    for y in range(height):
        runs: list[tuple[int, int, int]] = []
        row, stop = y * width, (y + 1) * width
        start = mask.find(b"\xff", row, stop)
        first = 0
        while start >= 0:
            end = mask.find(b"\0", start, stop)
            end = stop if end < 0 else end
            left, right = start - row, end - row
            index = len(found)
            found.append(Region(left, y, right, y + 1, right - left))
            parent.append(index)
            while first < len(above) and above[first][1] < left:
                first += 1
            for other_left, _, other in above[first:]:
                if other_left > right:
                    break
                mine, theirs = root(index), root(other)
                if mine != theirs:  # the older region takes the younger one in, so its place in reading order stays
                    low, high = min(mine, theirs), max(mine, theirs)
                    found[low].join(found[high])
                    parent[high] = low
            runs.append((left, right, index))
            start = mask.find(b"\xff", end, stop)
        above = runs
    return [region for index, region in enumerate(found) if parent[index] == index]


def shape(fill: float) -> tuple[str, float]:
    """The shape whose share of its box is nearest to ``fill``, and how well it fits (0 to 1)."""
    label, ideal = min(SHAPES, key=lambda item: abs(item[1] - fill))
    miss = abs(ideal - fill)
    return (label, max(0.0, 1.0 - 2.0 * miss)) if miss <= 0.1 else ("blob", max(0.0, 1.0 - 4.0 * miss))


def detect(data: bytes) -> dict[str, Any]:
    """The boxes of a PNG or JPEG, largest first, in pixels of the picture as sent; raises ``Problem``."""
    image = read_image(data)
    small = image.copy()
    small.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    width, height = small.size
    scale_x, scale_y = image.width / width, image.height / height
    channels = ImageChops.difference(small, Image.new("RGB", small.size, background(small))).split()
    distance = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    threshold = max(LEAST_CONTRAST, otsu(distance.histogram()))
    mask = distance.point(lambda level: 255 if level > threshold else 0)
    least = max(4, int(LEAST_SHARE * width * height))
    kept = sorted((r for r in regions(mask.tobytes(), width, height) if r.area >= least), key=lambda r: -r.area)
    boxes = []
    for region in kept[:MOST_BOXES]:
        label, score = shape(region.fill)
        area = (region.left, region.top, region.right, region.bottom)
        colour = [round(level) for level in ImageStat.Stat(small.crop(area), mask.crop(area)).mean]
        boxes.append(
            {
                "label": label,
                "score": round(score, 3),
                "box": [
                    round(region.left * scale_x),
                    round(region.top * scale_y),
                    round((region.right - region.left) * scale_x),
                    round((region.bottom - region.top) * scale_y),
                ],
                "area": round(region.area * scale_x * scale_y),
                "colour": "#" + bytes(colour).hex(),
            }
        )
    return {"width": image.width, "height": image.height, "count": len(kept), "boxes": boxes}


def picture(call: Call) -> bytes:
    """The picture of a request, out of its base64 if it came as JSON; raises ``Problem``."""
    if call.content_type != "application/json":
        return call.body.all(MOST_BYTES)
    text = call.json(MOST_BYTES).get("image")
    if not isinstance(text, str):
        raise Problem(400, 'the body must be {"image": "<base64 of a PNG or JPEG>"}')
    try:
        return base64.b64decode(text.rsplit(",", 1)[-1] if text.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError):
        raise Problem(400, "the image is not base64") from None


def answer(call: Call) -> Answer:
    """The boxes of the picture in the body."""
    return json_answer(detect(picture(call)))


def main() -> None:
    """The command line."""
    options = arguments("vision", "Boxes of the things in a picture.").parse_args()
    run("vision", options, {("POST", "/vision/detect"): answer})


if __name__ == "__main__":
    main()

"""examples/services/vision.py: pictures in, boxes out."""

from __future__ import annotations

import base64
import json
import random
from email.message import Message
from io import BytesIO
from pathlib import Path
from typing import Any

import make
import pytest
import vision
from _http import Body, Call, Problem
from PIL import Image, ImageDraw


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def square(size: tuple[int, int], box: tuple[int, int, int, int], mode: str = "RGB", **colours: Any) -> Image.Image:
    image = Image.new(mode, size, colours.get("ground", "white"))
    ImageDraw.Draw(image).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=colours.get("ink", "black"))
    return image


def call(body: bytes, content_type: str) -> Call:
    headers = Message()
    headers["content-type"] = content_type
    headers["content-length"] = str(len(body))
    return Call("POST", "/vision/detect", {}, headers, Body(BytesIO(body), headers, None))


def components(rows: list[str]) -> list[tuple[int, int, int, int, int]]:
    mask = "".join(rows).replace("#", "\xff").replace(".", "\0").encode("latin-1")
    found = vision.regions(mask, len(rows[0]), len(rows))
    return [(r.left, r.top, r.right, r.bottom, r.area) for r in found]


def test_every_shape_of_the_png_is_found_where_it_was_drawn(samples: Path) -> None:
    result = vision.detect((samples / "shapes.png").read_bytes())
    assert (result["width"], result["height"]) == make.SHAPES_SIZE
    found = {tuple(box["box"]): box for box in result["boxes"]}
    assert result["count"] == len(found) == len(make.SHAPES)
    for label, colour, (left, top, right, bottom) in make.SHAPES:
        box = found[left, top, right - left, bottom - top]
        assert box["label"] == label
        assert box["score"] > 0.9
        for at in (1, 3, 5):
            assert int(box["colour"][at : at + 2], 16) == pytest.approx(int(colour[at : at + 2], 16), abs=3)
    areas = [box["area"] for box in result["boxes"]]
    assert areas == sorted(areas, reverse=True)


def test_every_washer_of_the_noisy_jpeg_is_found_within_two_pixels(samples: Path) -> None:
    boxes = vision.detect((samples / "tray.jpg").read_bytes())["boxes"]
    assert len(boxes) == len(make.WASHERS)
    for x, y, radius in make.WASHERS:
        truth = (x - radius, y - radius, 2 * radius + 1, 2 * radius + 1)
        assert any(all(abs(is_ - should) <= 2 for is_, should in zip(b["box"], truth, strict=True)) for b in boxes), (
            truth
        )
    assert {box["label"] for box in boxes} == {"ellipse"}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["...", "..."], []),
        (["#"], [(0, 0, 1, 1, 1)]),
        (["#.#", "..."], [(0, 0, 1, 1, 1), (2, 0, 3, 1, 1)]),
        (["#..", ".#.", "..#"], [(0, 0, 3, 3, 3)]),  # corners touch
        (["..#", ".#.", "#.."], [(0, 0, 3, 3, 3)]),
        (["#.#", "#.#", "###"], [(0, 0, 3, 3, 7)]),  # two arms that meet later
        (["###", "#.#", "###"], [(0, 0, 3, 3, 8)]),
        (["#.#.#", "#####"], [(0, 0, 5, 2, 8)]),
        (["#####", "....."], [(0, 0, 5, 1, 5)]),
        (["....#", "#...."], [(4, 0, 5, 1, 1), (0, 1, 1, 2, 1)]),  # the end of a row does not touch the next start
        (["#.......", "..####..", "#......#"], [(0, 0, 1, 1, 1), (2, 1, 6, 2, 4), (0, 2, 1, 3, 1), (7, 2, 8, 3, 1)]),
    ],
)
def test_connected_regions(rows: list[str], expected: list[tuple[int, int, int, int, int]]) -> None:
    assert components(rows) == expected


def test_connected_regions_agree_with_a_flood_fill() -> None:
    chance = random.Random(5)
    for _ in range(200):
        width, height = chance.randint(1, 12), chance.randint(1, 12)
        rows = ["".join(chance.choice("##...") for _ in range(width)) for _ in range(height)]
        ink = {(x, y) for y, row in enumerate(rows) for x, cell in enumerate(row) if cell == "#"}
        expected = []
        while ink:
            piece, edge = set(), [min(ink)]
            while edge:
                x, y = edge.pop()
                if (x, y) in ink:
                    ink.discard((x, y))
                    piece.add((x, y))
                    edge += [(x + a, y + b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
            xs, ys = [x for x, _ in piece], [y for _, y in piece]
            expected.append((min(xs), min(ys), max(xs) + 1, max(ys) + 1, len(piece)))
        assert sorted(components(rows)) == sorted(expected), rows


def test_an_empty_picture_has_no_boxes() -> None:
    assert vision.detect(encode(Image.new("RGB", (64, 64), "#123456")))["boxes"] == []


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_pictures_of_every_mode(mode: str) -> None:
    image = square((100, 80), (20, 30, 50, 60)).convert(mode)
    data = encode(image, "JPEG", quality=95) if mode == "CMYK" else encode(image)
    [box] = vision.detect(data)["boxes"]
    assert box["label"] == "rectangle"
    assert all(abs(is_ - should) <= 1 for is_, should in zip(box["box"], (20, 30, 30, 30), strict=True))


def test_what_is_transparent_is_white() -> None:
    image = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((10, 10, 29, 29), fill=(200, 0, 0, 255))
    [box] = vision.detect(encode(image))["boxes"]
    assert (box["box"], box["colour"]) == ([10, 10, 20, 20], "#c80000")


def test_boxes_of_a_large_picture_are_in_its_own_pixels() -> None:
    image = square((2560, 1280), (400, 200, 1200, 1000), ink="#004488")
    result = vision.detect(encode(image))
    assert (result["width"], result["height"]) == (2560, 1280)
    assert [box["box"] for box in result["boxes"]] == [[400, 200, 800, 800]]
    assert result["boxes"][0]["area"] == 800 * 800


def test_a_turned_photograph_is_set_upright_first() -> None:
    image = square((100, 60), (0, 0, 30, 20), ink="#222222")
    exif = Image.Exif()
    exif[0x0112] = 6  # turn 90 degrees to the right to see it upright
    result = vision.detect(encode(image, "JPEG", quality=95, exif=exif))
    assert (result["width"], result["height"]) == (60, 100)
    [box] = result["boxes"]
    assert box["box"] == pytest.approx([40, 0, 20, 30], abs=1)


def test_the_shape_follows_the_share_of_the_box() -> None:
    assert [vision.shape(fill)[0] for fill in (1.0, 0.95, 0.785, 0.5, 0.64, 0.2)] == [
        "rectangle",
        "rectangle",
        "ellipse",
        "triangle",
        "blob",
        "blob",
    ]
    assert all(0 <= vision.shape(fill / 100)[1] <= 1 for fill in range(101))


def test_otsu_parts_two_heaps() -> None:
    histogram = [0] * 256
    histogram[10], histogram[12], histogram[200], histogram[220] = 500, 400, 60, 40
    assert 12 <= vision.otsu(histogram) < 200
    assert vision.otsu([7] + [0] * 255) == 0


@pytest.mark.parametrize("length", [0, 4, 60, 600])
def test_a_cut_or_foreign_file_is_refused(samples: Path, length: int) -> None:
    data = (samples / "shapes.png").read_bytes()[:length]
    for body in (data, data[::-1], encode(Image.new("RGB", (8, 8)), "GIF")):
        with pytest.raises(Problem, match="not a PNG or JPEG") as caught:
            vision.detect(body)
        assert caught.value.status == 400


def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(Problem, match="pixels") as caught:
        vision.detect(encode(Image.new("1", (10_000, 10_000))))
    assert caught.value.status == 413


def test_a_picture_comes_raw_or_as_base64(samples: Path) -> None:
    data = (samples / "tray.jpg").read_bytes()
    text = base64.b64encode(data).decode()
    assert vision.picture(call(data, "image/jpeg")) == data
    for image in (text, f"data:image/jpeg;base64,{text}"):
        assert vision.picture(call(json.dumps({"image": image}).encode(), "application/json; charset=utf-8")) == data


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"image": 5}', b'{"image": "***"}', b'{"image": "\xc3\xa4"}'])
def test_json_without_a_picture_is_refused(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        vision.picture(call(body, "application/json"))
    assert caught.value.status == 400

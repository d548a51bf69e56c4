"""``json/bbox-formatter``: one form for all, within the image; what cannot be read is the service's fault."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from fastgw.testing.edge import GET, Edge, Spy, body_of, head_of, statuses
from fastgw.transformers.json_bbox_formatter import JsonBboxFormatter
from tests.support.bodies import plain
from tests.unit.transformers.test_detections import COCO, GOOGLE, HUGGINGFACE, REKOGNITION, TORCHVISION, ULTRALYTICS_API

OPTIONS = {
    "source": "auto",
    "format": "auto",
    "unit": "auto",
    "to": "normalized",
    "max_bytes": 10_000,
    "max_boxes": 10,
    "inline_bytes": 10_000,
    "queue": 1,
}
SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "bbox.schema.json").read_text())


def formatter(**options: Any) -> JsonBboxFormatter:
    return JsonBboxFormatter("json/bbox-formatter", {**OPTIONS, **options})


def formatted(answer: Any, size: Any = (None, None), **options: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(formatter(**options).formatted(json.dumps(answer).encode(), size))
    assert made.keys() == set(SCHEMA["required"])
    for box in made["boxes"]:
        assert box.keys() == set(SCHEMA["$defs"]["box"]["required"])
        assert box["x1"] < box["x2"] and box["y1"] < box["y2"]
    return made


def corners(answer: Any, size: Any = (None, None), **options: Any) -> list[tuple[float, ...]]:
    return [tuple(box[key] for key in ("x1", "y1", "x2", "y2")) for box in formatted(answer, size, **options)["boxes"]]


def test_the_whole_of_one() -> None:
    assert formatted(ULTRALYTICS_API) == {
        "boxes": [
            {
                "x1": 0.016406,
                "y1": 0.041667,
                "x2": 0.172656,
                "y2": 0.458333,
                "score": 0.91,
                "label": "dog",
                "class_id": 16,
            },
            {
                "x1": 0.001563,
                "y1": 0.004167,
                "x2": 0.004688,
                "y2": 0.008333,
                "score": 0.5,
                "label": "cat",
                "class_id": 15,
            },
        ],
        "format": "xyxy",
        "unit": "normalized",
        "image": {"width": 640, "height": 480},
    }


@pytest.mark.parametrize(
    ("answer", "size", "options", "expected"),
    [
        (HUGGINGFACE, (400, 200), {}, [(0.1, 0.35, 0.4375, 0.585)]),
        (HUGGINGFACE, (None, None), {"to": "pixel"}, [(40.0, 70.0, 175.0, 117.0)]),
        (TORCHVISION, (100, 100), {}, [(0.01, 0.02, 0.3, 0.4), (0.05, 0.06, 0.07, 0.08)]),
        (COCO, (640, 480), {"to": "pixel"}, [(258.15, 41.29, 606.41, 285.07)]),
        (REKOGNITION, (None, None), {}, [(0.3, 0.4, 0.4, 0.6), (0, 0, 0.5, 0.5)]),
        (REKOGNITION, (100, 10), {"to": "pixel"}, [(30.0, 4.0, 40.0, 6.0), (0, 0, 50.0, 5.0)]),
        (GOOGLE, (None, None), {}, [(0.0, 0.78, 0.44, 0.97)]),
        (
            {"boxes": [[500, 500, 100, 200]]},
            (None, None),
            {"unit": "thousand", "format": "cxcywh"},
            [(0.45, 0.4, 0.55, 0.6)],
        ),
        ({"boxes": [[500, 500, 1000, 750]]}, (80, 40), {"unit": "thousand", "to": "pixel"}, [(40.0, 20.0, 80.0, 30.0)]),
        (
            {"boxes": [[0.1, 0.2, 0.3, 0.4]]},
            (None, None),
            {"unit": "normalized", "format": "xywh"},
            [(0.1, 0.2, 0.4, 0.6)],
        ),
    ],
)
def test_boxes_of_every_kind(answer: Any, size: Any, options: dict[str, Any], expected: list[Any]) -> None:
    assert corners(answer, size, **options) == expected


def test_boxes_end_where_the_image_does_and_those_outside_are_dropped_in_order() -> None:
    boxes = [
        [-5, -5, 50, 50],
        [200, 0, 300, 9],
        [10, 10, 10, 20],
        [20, 20, 10, 30],
        [90, 90, 1000, 1e9],
        [0, 0, 100, 100],
    ]
    expected = [(0.0, 0.0, 0.5, 0.5), (0.9, 0.9, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0)]
    assert corners({"boxes": boxes}, (100, 100)) == expected
    assert corners({"boxes": boxes}, (100, 100), to="pixel")[1] == (90.0, 90.0, 100, 100)
    assert corners({"boxes": [[-5, -5, 50, 50]]}, to="pixel") == [(0.0, 0.0, 50.0, 50.0)]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, None, "5", True, 1e300])
def test_what_is_no_number_is_dropped(number: Any) -> None:
    answer = {"boxes": [[number, 1, 5, 5], [1, 1, 5, 5]], "scores": [0.1, number], "labels": [1, number]}
    [box] = formatted(answer, (10, 10))["boxes"]
    assert (box["x1"], box["score"], box["class_id"]) == (0.1, None, None)
    assert box["label"] == (number if number == "5" else None)


def test_the_size_that_the_answer_tells_comes_before_that_of_the_request() -> None:
    told = {"boxes": [[0, 0, 5, 5]], "width": 10, "height": 10}
    assert corners(told, (100, 100)) == [(0, 0, 0.5, 0.5)]
    assert corners({**told, "width": 0}, (100, 100)) == [(0, 0, 0.05, 0.05)]
    assert formatted({"boxes": [], "image": {"width": 3, "height": 4}})["image"] == {"width": 3, "height": 4}
    assert formatted([])["image"] is None


# --- on its way


def answer(data: bytes, *fields: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(data)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + data


def noting(width: int, height: int) -> Spy:
    def note(exchange: Any) -> None:
        exchange.note("image_width", width)
        exchange.note("image_height", height)

    return Spy("spy", [], request=note)


def through(sent: bytes, step: int = 1 << 20, **options: Any) -> tuple[bytes, list[Any]]:
    """What the client gets, and the reasons of failed exchanges."""
    reasons: list[Any] = []
    spy = Spy("log", [], done=lambda exchange: reasons.append(exchange.error and exchange.error.reason))
    edge = Edge(filters=[spy, noting(400, 200), formatter(**options)])
    client, service = edge.pair(GET.replace(b"\r\n\r\n", b"\r\nAccept-Encoding: gzip, br\r\n\r\n"))
    asked = service.take().lower()
    assert b"accept-encoding: identity\r\n" in asked and b"gzip" not in asked
    for at in range(0, len(sent), step):
        service.feed(sent[at : at + step])
    got = client.take()
    edge.end()
    return got, reasons


@pytest.mark.parametrize("step", [1, 50, 1 << 20])
def test_the_client_gets_boxes_of_the_image_that_it_sent(step: int) -> None:
    got, reasons = through(answer(json.dumps(HUGGINGFACE).encode(), 'ETag: "a"'), step)
    made = json.loads(plain(got))
    assert made["boxes"][0]["x1"] == 0.1 and made["image"] == {"width": 400, "height": 200}
    assert b"content-length: " in head_of(got) and b"content-type: application/json\r\n" in head_of(got)
    assert b'etag: w/"a"\r\n' in head_of(got)
    assert reasons == [None]


@pytest.mark.parametrize(
    "sent",
    [
        answer(b'{"error": "no"}', status="400 Bad Request"),
        answer(b'{"error": "no"}', status="503 Service Unavailable"),
        answer(b"no json", kind="text/plain"),
        answer(b"data: x\n\n", kind="text/event-stream"),
        answer(b"{}", "Cache-Control: no-transform"),
    ],
)
def test_what_is_no_answer_of_a_detector_passes_as_it_is(sent: bytes) -> None:
    got, _ = through(sent)
    assert body_of(got) == body_of(sent)
    assert statuses(got) == [int(sent.split(b" ")[1])]


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (answer(b"{"), "it is no JSON"),
        (answer(b"{NaN"), "it is no JSON"),
        (answer(b"NaN" + b"[" * 9000), "it is no JSON"),
        (answer(b"[" * 9000), "it is no JSON"),
        (answer(b'"x"'), "it has not the form of ultralytics or "),
        (answer(b'{"boxes": [[1, 2]]}'), "a box has 2 numbers"),
        (answer(b'{"boxes": [[1, 2, 3, 4], null]}'), "a box is no list"),
        (answer(b'{"boxes": [[1, 2, 3, 4], 7]}'), "a box is no list"),
        (answer(json.dumps({"boxes": [[1, 2, 3, 4]] * 11}).encode()), "it has 11 boxes, more than the 10"),
        (answer(b" " * 10_001), "more than the 10000 bytes"),
        (answer(b"[]", "Content-Encoding: gzip"), "it has a Content-Encoding"),
    ],
)
def test_what_cannot_be_read_is_told_in_the_log(sent: bytes, why: str) -> None:
    got, [reason] = through(sent)
    assert statuses(got) == [502]
    told = json.loads(body_of(got))
    assert told["type"] == "urn:fastgw:error:boxes_unreadable" and why not in told["detail"]
    assert why in reason


def test_pixels_of_an_image_of_no_known_size_cannot_be_normalized() -> None:
    with pytest.raises(ValueError, match="the size of the image is not known to make them normalized"):
        formatted(HUGGINGFACE)

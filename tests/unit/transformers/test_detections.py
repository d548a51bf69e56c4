"""What detectors really answer, each told by its shape."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.transformers.detections import SOURCES, UnreadableError, read

ULTRALYTICS = [
    {"name": "dog", "class": 16, "confidence": 0.91, "box": {"x1": 10.5, "y1": 20.0, "x2": 110.5, "y2": 220.0}},
    {"name": "cat", "class": 15, "confidence": 0.5, "box": {"x1": 1, "y1": 2, "x2": 3, "y2": 4}},
]
ULTRALYTICS_API = {
    "images": [{"shape": [480, 640], "results": ULTRALYTICS, "speed": {"inference": 10.1}}],
    "metadata": {"imageCount": 1, "model": "yolo11n.pt"},
}
HUGGINGFACE = [{"score": 0.99, "label": "remote", "box": {"xmin": 40, "ymin": 70, "xmax": 175, "ymax": 117}}]
TORCHVISION = {"boxes": [[1.0, 2.0, 30.0, 40.0], [5, 6, 7, 8]], "labels": [18, 1], "scores": [0.9, 0.8]}
COCO = [{"image_id": 42, "category_id": 18, "bbox": [258.15, 41.29, 348.26, 243.78], "score": 0.236}]
NESTED = {
    "width": 640,
    "height": 420,
    "count": 1,
    "boxes": [{"label": "ellipse", "score": 0.99, "box": [410, 70, 121, 121]}],
}
TRITON = {
    "model_name": "detr",
    "model_version": "1",
    "outputs": [
        {"name": "num_dets", "datatype": "INT32", "shape": [1, 1], "data": [1]},
        {"name": "det_boxes", "datatype": "FP32", "shape": [1, 2, 4], "data": [1.0, 2.0, 3.0, 4.0, 0, 0, 0, 0]},
        {"name": "det_scores", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 0]},
        {"name": "det_classes", "datatype": "INT32", "shape": [1, 2], "data": [7, 0]},
    ],
}
TRITON_SIX = {
    "outputs": [
        {"name": "output0", "datatype": "FP32", "shape": [1, 2, 6], "data": [1, 2, 3, 4, 0.5, 7, 5, 6, 7, 8, 0.4, 9]}
    ]
}
REKOGNITION = {
    "Labels": [
        {
            "Name": "Car",
            "Confidence": 98.7,
            "Instances": [
                {"BoundingBox": {"Width": 0.1, "Height": 0.2, "Left": 0.3, "Top": 0.4}, "Confidence": 98.0},
                {"BoundingBox": {"Width": 0.5, "Height": 0.5, "Left": 0.0, "Top": 0.0}, "Confidence": 50.0},
            ],
            "Parents": [{"Name": "Vehicle"}],
        },
        {"Name": "Outdoors", "Confidence": 90.0, "Instances": []},
    ],
    "LabelModelVersion": "3.0",
}
FACES = {"FaceDetails": [{"BoundingBox": {"Width": 0.1, "Height": 0.2, "Left": 0.3, "Top": 0.4}, "Confidence": 99.0}]}
CUSTOM = {
    "CustomLabels": [
        {
            "Name": "logo",
            "Confidence": 80.0,
            "Geometry": {"BoundingBox": {"Width": 1, "Height": 1, "Left": 0, "Top": 0}},
        },
        {"Name": "whole image", "Confidence": 70.0},
    ]
}
GOOGLE = {
    "responses": [
        {
            "localizedObjectAnnotations": [
                {
                    "mid": "/m/01bqk0",
                    "name": "Bicycle wheel",
                    "score": 0.94,
                    "boundingPoly": {
                        "normalizedVertices": [{"y": 0.78}, {"x": 0.44, "y": 0.78}, {"x": 0.44, "y": 0.97}, {"y": 0.97}]
                    },
                }
            ]
        }
    ]
}


@pytest.mark.parametrize(
    ("source", "answer", "first", "shape", "count"),
    [
        ("ultralytics", ULTRALYTICS, ([10.5, 20.0, 110.5, 220.0], 0.91, "dog", 16), ("xyxy", "pixel", (None, None)), 2),
        (
            "ultralytics",
            ULTRALYTICS_API,
            ([10.5, 20.0, 110.5, 220.0], 0.91, "dog", 16),
            ("xyxy", "pixel", (640, 480)),
            2,
        ),
        ("huggingface", HUGGINGFACE, ([40, 70, 175, 117], 0.99, "remote", None), ("xyxy", "pixel", (None, None)), 1),
        ("torchvision", TORCHVISION, ([1.0, 2.0, 30.0, 40.0], 0.9, None, 18), ("xyxy", "pixel", (None, None)), 2),
        ("torchvision", [TORCHVISION], ([1.0, 2.0, 30.0, 40.0], 0.9, None, 18), ("xyxy", "pixel", (None, None)), 2),
        ("coco", COCO, ([258.15, 41.29, 348.26, 243.78], 0.236, None, 18), ("xywh", "pixel", (None, None)), 1),
        ("coco", NESTED, ([410, 70, 121, 121], 0.99, "ellipse", None), ("xywh", "pixel", (640, 420)), 1),
        ("triton", TRITON, ([1.0, 2.0, 3.0, 4.0], 0.5, None, 7), ("xyxy", "pixel", (None, None)), 1),
        ("triton", TRITON_SIX, ([1, 2, 3, 4], 0.5, None, 7), ("xyxy", "pixel", (None, None)), 2),
        (
            "rekognition",
            REKOGNITION,
            ([0.3, 0.4, 0.1, 0.2], 0.98, "Car", None),
            ("xywh", "normalized", (None, None)),
            2,
        ),
        ("rekognition", FACES, ([0.3, 0.4, 0.1, 0.2], 0.99, None, None), ("xywh", "normalized", (None, None)), 1),
        ("rekognition", CUSTOM, ([0, 0, 1, 1], 0.8, "logo", None), ("xywh", "normalized", (None, None)), 1),
        (
            "google_vision",
            GOOGLE,
            ((0, 0.78, 0.44, 0.97), 0.94, "Bicycle wheel", None),
            ("xyxy", "normalized", (None, None)),
            1,
        ),
    ],
)
def test_each_is_told_by_its_shape_or_its_name(source: str, answer: Any, first: Any, shape: Any, count: int) -> None:
    for named in ("auto", source):
        detections = read(answer, named)
        assert tuple(detections.found[0]) == first
        assert tuple(detections[1:]) == shape
        assert len(detections.found) == count
    for other in SOURCES.keys() - {source}:
        with pytest.raises(UnreadableError):
            read(answer, other)


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"boxes": [], "labels": [], "scores": []},
        {"width": 5, "height": 5, "detections": []},
        {"images": [{"shape": [5, 5], "results": []}]},
        {"Labels": []},
        {"responses": [{}]},
    ],
)
def test_nothing_found_is_an_answer(answer: Any) -> None:
    assert read(answer, "auto").found == []


@pytest.mark.parametrize(
    "answer",
    [
        None,
        5,
        "x",
        [1],
        {"x": 1},
        {"boxes": 5},
        {"boxes": [[1, 2, 3, 4]], "scores": [1, 2]},
        [TORCHVISION, TORCHVISION],
        [{"box": 5}],
        [*ULTRALYTICS, {"box": {}}],
        [*ULTRALYTICS, {}],
        [*HUGGINGFACE, {"box": None}],
        {"images": []},
        {"images": [{}]},
        {"outputs": []},
        {"outputs": [{"name": "boxes", "shape": [3], "data": [1, 2, 3]}]},
        {"outputs": [{"name": "output0", "shape": [1, 84, 8400], "data": [0.0] * 12}]},
        {"outputs": [{"name": "boxes", "shape": [1, 4]}]},
        {"Labels": [{"Instances": [{"BoundingBox": {"Left": 1}}]}]},
        {"Labels": 5},
        {"responses": []},
        {"responses": [{"error": {"code": 3, "message": "Bad image data."}}]},
        {"responses": [{"localizedObjectAnnotations": [{"boundingPoly": {"normalizedVertices": []}}]}]},
    ],
)
def test_what_has_no_such_form_is_refused(answer: Any) -> None:
    with pytest.raises(UnreadableError):
        read(answer, "auto")


@pytest.mark.parametrize("kind", [ValueError, TypeError, AttributeError])
def test_no_part_of_an_answer_is_in_what_is_told(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def reader(answer: Any) -> Any:
        raise kind(f"not 4: {answer!r}")

    monkeypatch.setitem(SOURCES, "coco", reader)
    with pytest.raises(UnreadableError) as told:
        read(["a secret"], "coco")
    assert "secret" not in str(told.value) and kind.__name__ in str(told.value)

"""What detectors answer, told apart by its shape: ``read`` makes ``Detections`` of all of them.

ultralytics    [{"name", "class", "confidence", "box": {"x1", "y1", "x2", "y2"}}], or that in {"images": [{"shape", "results": [...]}]}
huggingface    [{"score", "label", "box": {"xmin", "ymin", "xmax", "ymax"}}]
torchvision    {"boxes": [[x1, y1, x2, y2]], "labels": [...], "scores": [...]}, or a list with one such
coco           [{"category_id", "score", "bbox": [x, y, width, height]}], or that in {"boxes" | "detections" | "predictions": [...]}
triton         {"outputs": [{"name", "shape", "data"}]}: boxes, scores, labels, or one of six columns
rekognition    {"Labels": [{"Name", "Instances": [{"BoundingBox": {"Left", "Top", "Width", "Height"}, "Confidence"}]}]}, and its kin
google_vision  {"responses": [{"localizedObjectAnnotations": [{"name", "score", "boundingPoly": {"normalizedVertices"}}]}]}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

_NESTED: Final = ("boxes", "detections", "predictions", "annotations")


class Detection(NamedTuple):
    """One thing that was found; what the answer does not say is None."""

    box: Sequence[Any]  #: four values, which may be no numbers
    score: Any  #: 0 to 1
    label: Any
    class_id: Any


class Detections(NamedTuple):
    """All of an image."""

    found: list[Detection]
    format: str  #: "xyxy", "xywh" or "cxcywh"
    unit: str  #: "pixel" or "normalized"
    size: tuple[Any, Any] = (None, None)  #: width and height of the image, if the answer says them


class UnreadableError(ValueError):
    """An answer has none of the forms, or not the one that it seems to have."""


def read(answer: Any, source: str) -> Detections:
    """The detections of an answer of ``source``; "auto": of the one that its shape is of.

    Raises:
        UnreadableError: it has no such shape.
    """
    readers = SOURCES if source == "auto" else {source: SOURCES[source]}
    try:
        for reader in readers.values():
            found = reader(answer)
            if found is not None:
                return found
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        # What other errors say may be a part of the answer, which no log is to have.
        said = str(error)[:100] if isinstance(error, KeyError) else type(error).__name__
        raise UnreadableError(f"a part of it is missing or of another kind: {said}") from None
    if answer in ([], {}):
        return Detections([], "xyxy", "pixel")
    raise UnreadableError(f"it has not the form of {' or '.join(readers)}")


def _rows(answer: Any, *keys: str) -> list[dict[str, Any]] | None:
    """``answer`` if it is a list of objects, whose first has these keys."""
    if isinstance(answer, list) and answer and all(isinstance(one, dict) for one in answer):
        return answer if all(key in answer[0] for key in keys) else None
    return None


def _size(answer: Any) -> tuple[Any, Any]:
    """``width`` and ``height``, at the top or in ``image``."""
    if not isinstance(answer, dict):
        return None, None
    image = answer.get("image")
    told = image if isinstance(image, dict) else answer
    return told.get("width"), told.get("height")


def _ultralytics(answer: Any) -> Detections | None:
    size: tuple[Any, Any] = (None, None)
    if isinstance(answer, dict) and isinstance(answer.get("images"), list):
        [image] = answer["images"]
        answer, (height, width) = image["results"], image["shape"][:2]
        size = width, height
        if not answer:
            return Detections([], "xyxy", "pixel", size)
    rows = _rows(answer, "box")
    if rows is None or not isinstance(rows[0]["box"], dict) or "x1" not in rows[0]["box"]:
        return None
    found = [
        Detection(
            [one["box"][key] for key in ("x1", "y1", "x2", "y2")],
            one.get("confidence"),
            one.get("name"),
            one.get("class"),
        )
        for one in rows
    ]
    return Detections(found, "xyxy", "pixel", size)


def _huggingface(answer: Any) -> Detections | None:
    rows = _rows(answer, "box")
    if rows is None or not isinstance(rows[0]["box"], dict) or "xmin" not in rows[0]["box"]:
        return None
    corners = ("xmin", "ymin", "xmax", "ymax")
    found = [Detection([one["box"][key] for key in corners], one.get("score"), one.get("label"), None) for one in rows]
    return Detections(found, "xyxy", "pixel")


def _torchvision(answer: Any) -> Detections | None:
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, dict) or not isinstance(answer.get("boxes"), list):
        return None
    boxes = answer["boxes"]
    if boxes and not isinstance(boxes[0], list):
        return None
    return Detections(_columns(boxes, answer.get("scores"), answer.get("labels")), "xyxy", "pixel", _size(answer))


def _columns(boxes: list[Any], scores: list[Any] | None, labels: list[Any] | None) -> list[Detection]:
    """Detections of lists beside each other."""
    nothing = [None] * len(boxes)
    return [_labelled(*one) for one in zip(boxes, scores or nothing, labels or nothing, strict=True)]


def _labelled(box: Any, score: Any, label: Any) -> Detection:
    """``label`` is a word, or the number of a class."""
    return Detection(box, score, label, None) if isinstance(label, str) else Detection(box, score, None, label)


def _coco(answer: Any) -> Detections | None:
    size = _size(answer)
    if isinstance(answer, dict):
        answer = next((answer[key] for key in _NESTED if isinstance(answer.get(key), list)), None)
    if answer == [] and size != (None, None):
        return Detections([], "xywh", "pixel", size)
    for key in ("bbox", "box"):
        rows = _rows(answer, key)
        if rows is not None and isinstance(rows[0][key], list):
            found = [Detection(one[key], one.get("score"), one.get("label"), one.get("category_id")) for one in rows]
            return Detections(found, "xywh", "pixel", size)
    return None


def _triton(answer: Any) -> Detections | None:
    if not isinstance(answer, dict) or not isinstance(answer.get("outputs"), list):
        return None
    tensors = {one["name"].lower(): one for one in answer["outputs"]}

    def named(*parts: str) -> list[Any] | None:
        name = next((name for name in tensors for part in parts if part in name), None)
        return _flat(tensors[name]["data"]) if name is not None else None

    boxes = named("box")
    if boxes is None:
        [tensor] = tensors.values()
        rows = _split(_flat(tensor["data"]), 6)
        if tensor["shape"][-1] != 6:
            raise ValueError("a tensor without boxes in its name has six columns")
        return Detections([Detection(one[:4], one[4], None, one[5]) for one in rows], "xyxy", "pixel")
    rows = _split(boxes, 4)
    scores, labels, numbers = named("score", "conf"), named("label", "class"), named("num")
    if numbers is not None:
        count = int(numbers[0])
        rows, scores, labels = rows[:count], scores and scores[:count], labels and labels[:count]
    return Detections(_columns(rows, scores, labels), "xyxy", "pixel")


def _flat(data: list[Any]) -> list[Any]:
    while data and isinstance(data[0], list):
        data = list(chain.from_iterable(data))
    return data


def _split(data: list[Any], size: int) -> list[list[Any]]:
    if len(data) % size:
        raise ValueError(f"a tensor has {len(data)} numbers, which are no rows of {size}")
    return [data[at : at + size] for at in range(0, len(data), size)]


def _rekognition(answer: Any) -> Detections | None:
    if not isinstance(answer, dict):
        return None
    key = next((key for key in ("Labels", "CustomLabels", "FaceDetails", "TextDetections") if key in answer), None)
    if key is None:
        return None
    found = []
    for one in answer[key]:
        label = one.get("Name", one.get("DetectedText"))
        for instance in one.get("Instances", [one]):
            box = instance.get("BoundingBox") or instance.get("Geometry", {}).get("BoundingBox")
            if box is not None:
                numbers = [box[side] for side in ("Left", "Top", "Width", "Height")]
                found.append(Detection(numbers, instance["Confidence"] / 100, label, None))
    return Detections(found, "xywh", "normalized")


def _google_vision(answer: Any) -> Detections | None:
    if not isinstance(answer, dict) or not isinstance(answer.get("responses"), list):
        return None
    [response] = answer["responses"]
    if "error" in response:
        raise ValueError("it has an error in the place of detections")
    found = []
    for one in response.get("localizedObjectAnnotations", ()):
        corners = one["boundingPoly"]["normalizedVertices"]
        across, down = _ends(one.get("x", 0) for one in corners), _ends(one.get("y", 0) for one in corners)
        found.append(Detection((across[0], down[0], across[1], down[1]), one.get("score"), one.get("name"), None))
    return Detections(found, "xyxy", "normalized")


def _ends(values: Iterable[Any]) -> tuple[Any, Any]:
    """The least and the greatest; a value that is 0 is left out where it is sent."""
    every = list(values)
    return min(every), max(every)


SOURCES: Final[dict[str, Callable[[Any], Detections | None]]] = {
    "ultralytics": _ultralytics,
    "huggingface": _huggingface,
    "torchvision": _torchvision,
    "coco": _coco,
    "triton": _triton,
    "rekognition": _rekognition,
    "google_vision": _google_vision,
}

"""What the file says of the transformer ``json/bbox-formatter``."""

from typing import Annotated, ClassVar, Literal

from fastgw.config.model import setting
from fastgw.config.transformers.entry import TransformerOptions
from fastgw.config.types import count, size, words

_SOURCES = ("auto", "ultralytics", "huggingface", "torchvision", "coco", "triton", "rekognition", "google_vision")


class JsonBboxFormatter(TransformerOptions):
    """Makes of what a detector answers boxes in one form, whichever detector it is."""

    made_by: ClassVar[str] = "fastgw.transformers.json_bbox_formatter:JsonBboxFormatter"
    sides: ClassVar[tuple[str, ...]] = ("output",)
    gathers: ClassVar[bool] = True
    takes: ClassVar[tuple[str, ...]] = ("application/json",)
    makes: ClassVar[tuple[str, ...]] = ("application/json",)
    name: Literal["json/bbox-formatter"] = setting(..., "json/bbox-formatter")
    source: Annotated[str, words(*_SOURCES)] = setting("auto", "Whose form the answer has; auto: told by its shape.")
    format: Annotated[str, words("auto", "xyxy", "xywh", "cxcywh")] = setting(
        "auto", "What the four numbers of a box are there; auto: as the source has them."
    )
    unit: Annotated[str, words("auto", "pixel", "normalized", "thousand")] = setting(
        "auto", "What they are counted in: pixels, 0 to 1, or 0 to 1000; auto: as the source has them."
    )
    to: Annotated[str, words("normalized", "pixel")] = setting("normalized", "What the client gets.")
    max_bytes: Annotated[int, size(1, 64 << 20)] = setting("4MiB", "Bytes of an answer, which is gathered (502).")
    max_boxes: Annotated[int, count(1, 100_000)] = setting(1000, "Boxes of an answer (502).")
    inline_bytes: Annotated[int, size(0, 1 << 20)] = setting(
        "16KiB", "Bodies with no more are read on the loop, larger ones in a thread."
    )
    queue: Annotated[int, count(0, 10_000)] = setting(32, "Bodies that may wait for that; more are refused (503).")

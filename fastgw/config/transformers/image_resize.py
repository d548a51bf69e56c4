"""What the file says of the transformer ``image/resize``."""

from importlib.util import find_spec
from typing import Annotated, ClassVar, Literal

from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.transformers.entry import TransformerOptions
from fastgw.config.types import Boolean, count, size, words
from fastgw.config.unsound import is_missing, is_unsound

_FORMATS = ("png", "jpeg", "gif", "webp", "bmp", "tiff")
_PILLOWS_BOUND = 89_478_485  #: pixels, beyond which Pillow itself warns of bombs
_SIDE = 16_383  #: of the largest WebP


class ImageResize(TransformerOptions):
    """Makes images of another size, and format, without their metadata."""

    made_by: ClassVar[str] = "fastgw.transformers.image_resize:ImageResize"
    sides: ClassVar[tuple[str, ...]] = ("input",)
    gathers: ClassVar[bool] = True
    takes: ClassVar[tuple[str, ...]] = (
        *("image/png", "image/jpeg", "image/gif"),
        *("image/webp", "image/bmp", "image/tiff"),
    )
    makes: ClassVar[tuple[str, ...]] = ("image/jpeg", "image/png", "image/webp")
    name: Literal["image/resize"] = setting(..., "image/resize")
    width: Annotated[int, count(0, _SIDE)] = setting(0, "Pixels. 0: as follows from the height.")
    height: Annotated[int, count(0, _SIDE)] = setting(0, "Pixels. 0: as follows from the width.")
    fit: Annotated[str, words("fit", "fill", "stretch")] = setting(
        "fit", "Within both; both, of the middle of the image; or both, whatever becomes of its shape."
    )
    enlarge: Boolean = setting(False, "Whether fit makes small images larger.")
    format: Annotated[str, words("auto", "jpeg", "png", "webp")] = setting(
        "auto", "Of what is made; auto: jpeg and webp stay what they are, others become png."
    )
    quality: Annotated[int, count(1, 100)] = setting(85, "Of jpeg and webp.")
    metadata: Annotated[str, words("drop", "keep")] = setting(
        "drop", "Whether EXIF (place, time, camera) and the colour profile go on."
    )
    formats: list[Annotated[str, words(*_FORMATS)]] = setting(list(_FORMATS), "Formats that are taken (415).")
    max_bytes: Annotated[int, size(1, 256 << 20)] = setting("10MiB", "Bytes of an image, which is gathered (413).")
    max_pixels: Annotated[int, count(1, _PILLOWS_BOUND)] = setting(
        50_000_000, "Width times height, as its header says them (413)."
    )
    inline_pixels: Annotated[int, count(0, 1_000_000)] = setting(
        16_384, "Images that have, and get, no more are made on the loop, larger ones in a thread."
    )
    threads: Annotated[int, count(1, 64)] = setting(2, "Images that a worker makes at once, beside the loop.")
    queue: Annotated[int, count(0, 10_000)] = setting(32, "Images that may wait for that; more are refused (503).")

    def does(self) -> str:
        """The size."""
        return f"makes images {self.width or 'any'} x {self.height or 'any'} pixels ({self.fit})"

    def check(self, document: Document, where: TreePath) -> None:
        """What makes images is there, and they have a size."""
        if find_spec("PIL") is None:
            document.report((*where, "name"), "needs the package Pillow: pip install 'fastgw[image]'")
        if not is_unsound(self.formats) and not self.formats:
            document.report((*where, "formats"), "is empty: no image passes")
        if is_missing(self.width) and is_missing(self.height):
            document.report((*where, "width"), "is needed, or height: images get another size here")
        elif self.fit in ("fill", "stretch") and (is_missing(self.width) or is_missing(self.height)):
            missing = "width" if is_missing(self.width) else "height"
            document.report((*where, missing), f"is needed where fit is {self.fit}")
        if not is_unsound(self.width, self.height, self.max_pixels) and self.width * self.height > self.max_pixels:
            document.report((*where, "max_pixels"), f"is less than {self.width} x {self.height}, which is made here")

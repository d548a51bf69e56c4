"""What the file says of the transformer ``image/base64-decoder``."""

from typing import Annotated, ClassVar, Literal

from fastgw.config.json_places import Field
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.transformers.entry import TransformerOptions
from fastgw.config.types import count, size, words
from fastgw.config.unsound import is_unsound


class ImageBase64Decoder(TransformerOptions):
    """Makes of JSON with an image as base64 the image itself."""

    made_by: ClassVar[str] = "fastgw.transformers.image_base64_decoder:ImageBase64Decoder"
    sides: ClassVar[tuple[str, ...]] = ("input",)
    takes: ClassVar[tuple[str, ...]] = ("application/json",)
    makes: ClassVar[tuple[str, ...]] = (
        *("image/png", "image/jpeg", "image/gif"),
        *("image/webp", "image/bmp", "image/tiff"),
    )
    name: Literal["image/base64-decoder"] = setting(..., "image/base64-decoder")
    field: Field = setting(
        "image", "Where the image is: a key of the body, or keys of objects inside each other with dots between."
    )
    formats: list[Annotated[str, words("png", "jpeg", "gif", "webp", "bmp", "tiff")]] = setting(
        ["png", "jpeg", "gif", "webp", "bmp", "tiff"], "Formats that pass (415)."
    )
    max_bytes: Annotated[int, size(1, 1 << 30)] = setting("10MiB", "Bytes of the image, decoded (413).")
    max_pixels: Annotated[int, count(1, 1 << 40)] = setting(
        50_000_000, "Width times height, as its header says them (413)."
    )
    max_json: Annotated[int, size(16, 1 << 20)] = setting("64KiB", "Bytes of everything but the image (413).")

    def check(self, document: Document, where: TreePath) -> None:
        """Something passes."""
        if not is_unsound(self.formats) and not self.formats:
            document.report((*where, "formats"), "is empty: no image passes")

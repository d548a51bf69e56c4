"""What the file says of the transformer ``audio/base64-decoder``."""

from typing import Annotated, ClassVar, Literal

from fastgw.config.json_places import Field
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.transformers.entry import TransformerOptions
from fastgw.config.types import size, words
from fastgw.config.unsound import is_unsound

_FORMATS = ("wav", "flac", "ogg", "mp3", "mp4", "webm", "aac")


class AudioBase64Decoder(TransformerOptions):
    """Makes of JSON with a recording as base64 the recording itself."""

    made_by: ClassVar[str] = "fastgw.transformers.audio_base64_decoder:AudioBase64Decoder"
    sides: ClassVar[tuple[str, ...]] = ("input",)
    takes: ClassVar[tuple[str, ...]] = ("application/json",)
    makes: ClassVar[tuple[str, ...]] = (
        *("audio/wav", "audio/flac", "audio/ogg", "audio/mpeg"),
        *("audio/mp4", "audio/webm", "audio/aac"),
    )
    name: Literal["audio/base64-decoder"] = setting(..., "audio/base64-decoder")
    field: Field = setting(
        "audio", "Where the recording is: a key of the body, or keys of objects inside each other with dots between."
    )
    formats: list[Annotated[str, words(*_FORMATS)]] = setting(list(_FORMATS), "Formats that pass (415).")
    max_bytes: Annotated[int, size(1, 1 << 30)] = setting("25MiB", "Bytes of the recording, decoded (413).")
    max_json: Annotated[int, size(16, 1 << 20)] = setting("64KiB", "Bytes of everything but the recording (413).")

    def check(self, document: Document, where: TreePath) -> None:
        """Something passes."""
        if not is_unsound(self.formats) and not self.formats:
            document.report((*where, "formats"), "is empty: no recording passes")

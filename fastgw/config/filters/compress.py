"""What the file says of a filter of type ``compress``."""

import re
from typing import Annotated, Any, ClassVar, Final, Literal

from fastgw.config.codings import Coding, check_codings
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, Parsed, count, size
from fastgw.config.values import scalar, shown

_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]+/(\*|[a-z0-9!#$&^_.+-]+)|\*\+[a-z0-9!#$&^_.-]+")
EVENTS: Final = "text/event-stream"
TYPES: Final = [
    "text/*",
    "application/json",
    "*+json",
    "application/x-ndjson",
    "application/javascript",
    "application/xml",
    "*+xml",
    "application/wasm",
]


def _media_type(value: object) -> str:
    wanted = "a media type such as application/json, text/* or *+json"
    found = str(scalar(value, wanted)).lower()
    if not _TYPE.fullmatch(found):
        raise ValueError(f"expected {wanted}, got {shown(value)}")
    if found == EVENTS:
        raise ValueError(f"{EVENTS} is not asked for by its type, but by 'streams: true'")
    return found


class Compress(FilterOptions):
    """Compresses answers for clients that can read that."""

    made_by: ClassVar[str] = "fastgw.filters.compress:Compress"
    is_built_in: ClassVar[bool] = True
    type: Literal["compress"] = setting(..., "compress")
    codings: list[Coding] = setting(
        ["gzip"], "gzip, br and zstd, best first; of those that a client likes equally the first is used."
    )
    types: list[Annotated[str, Parsed(_media_type, type="string")]] = setting(TYPES, "Media types that are compressed.")
    min_size: Annotated[int, size(0, 1 << 30)] = setting(
        "1KiB", "Shorter answers are not; those of unknown length always are."
    )
    streams: Boolean = setting(False, "Compress event streams (text/event-stream) too, each event by itself.")
    gzip_level: Annotated[int, count(1, 9)] = setting(1, "1: fastest, 9: smallest.")
    br_level: Annotated[int, count(0, 11)] = setting(3, "0: fastest, 11: smallest.")
    zstd_level: Annotated[int, count(1, 19)] = setting(3, "1: fastest, 19: smallest.")

    def given(self) -> dict[str, Any]:
        """With the level of each coding in the place of three options."""
        given = super().given()
        return given | {"levels": tuple((one, given[f"{one}_level"]) for one in self.codings)}

    def check(self, document: Document, where: TreePath) -> None:
        """The codings can be made."""
        check_codings(document, (*where, "codings"), self.codings)

"""What the file says of a filter of type ``decompress``."""

from typing import Annotated, Any, ClassVar, Literal

from fastgw.config.codings import Coding, check_codings, usable
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, count, size, words


class Decompress(FilterOptions):
    """Decompresses bodies of requests, and of answers, within bounds."""

    made_by: ClassVar[str] = "fastgw.filters.decompress:Decompress"
    is_built_in: ClassVar[bool] = True
    type: Literal["decompress"] = setting(..., "decompress")
    requests: Boolean = setting(True, "Decompress what clients send.")
    responses: Boolean = setting(False, "Decompress what services answer.")
    codings: list[Coding] = setting(
        [], "Those that are read: gzip, br and zstd; by default all whose library is installed."
    )
    unknown: Annotated[str, words("refuse", "pass")] = setting(
        "refuse", "What happens to a request whose body is coded in another way."
    )
    max_size: Annotated[int, size(1, 1 << 40)] = setting("10MiB", "The most that the body of a request may become.")
    max_ratio: Annotated[int, count(1, 10_000)] = setting(
        100, "A body may become so many times as large as it was, or 64 KiB if that is more."
    )

    def given(self) -> dict[str, Any]:
        """With what is meant where no coding is named."""
        return super().given() | {"codings": tuple(self.codings or usable())}

    def check(self, document: Document, where: TreePath) -> None:
        """There is something to do, and the codings can be read."""
        if self.codings:
            check_codings(document, (*where, "codings"), self.codings)
        if self.requests is False and self.responses is False:
            document.report((*where, "requests"), "neither requests nor responses: the filter does nothing")

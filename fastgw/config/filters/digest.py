"""What the file says of a filter of type ``digest``."""

from typing import Annotated, ClassVar, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, size, words

GATHER_MAX = 1024 * 1024  #: bytes of one answer; so many of each client may wait at one time


class Digest(FilterOptions):
    """Checks what requests say of their bodies, and tells what those of answers are (``Content-Digest``, RFC 9530)."""

    made_by: ClassVar[str] = "fastgw.filters.digest:Digest"
    is_built_in: ClassVar[bool] = True
    type: Literal["digest"] = setting(..., "digest")
    check_requests: Boolean = setting(True, "Check the body of a request that has a digest; another body is refused.")
    require: Boolean = setting(False, "Refuse a request that has a body and no digest.")
    add: Boolean = setting(True, "Add a digest to answers that have none.")
    algorithm: Annotated[str, words("sha-256", "sha-512")] = setting(
        "sha-256", "Of answers, where the client does not want another one (Want-Content-Digest)."
    )
    gather: Annotated[int, size(0, GATHER_MAX)] = setting(
        "64KiB",
        "Answers up to this size are gathered to have their digest in the head, for clients that take no trailers; 0: none.",
    )
    gather_streams: Boolean = setting(
        False,
        "Gather answers of unknown length too, but event streams; their first byte waits for the last, or for gather.",
    )

    def check(self, document: Document, where: TreePath) -> None:
        """What is asked for can be."""
        if self.require is True and self.check_requests is False:
            document.report((*where, "require"), "nothing is checked with 'check_requests: false'")
        if self.add is False and self.check_requests is False:
            document.report((*where, "add"), "with 'check_requests: false' the filter does nothing")
        if self.gather_streams is True and self.gather == 0:
            document.report((*where, "gather_streams"), "nothing is gathered with 'gather: 0'")

"""What the file says of a filter of type ``access_log``."""

from typing import Annotated, ClassVar, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.logs import check_log
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.template import template
from fastgw.config.types import Parsed, PositiveDuration, Stream, size
from fastgw.config.values import name


def _log_field(value: object) -> str:
    from fastgw.filters.access_log import KEYS, RARE_KEYS

    found = name(value)
    if found in KEYS or found in RARE_KEYS:
        raise ValueError(f"a line has {found!r} already")
    return found


LogField = Annotated[str, Parsed(_log_field, is_key=True, type="string")]
LogValue = Annotated[
    tuple[bytes | str, ...],
    Parsed(template(is_answer=True), takes_variables=True, type=["string", "number", "boolean"]),
]


class AccessLog(FilterOptions):
    """Writes a line for every exchange."""

    made_by: ClassVar[str] = "fastgw.filters.access_log:AccessLog"
    runs_before_routing: ClassVar[bool] = True
    is_built_in: ClassVar[bool] = True
    type: Literal["access_log"] = setting(..., "access_log")
    path: Stream = setting("stdout", "stdout, stderr or a file.")
    batch: Annotated[int, size(1, 1 << 24)] = setting("64KiB", "Lines are written together when there is this much.")
    flush: PositiveDuration = setting("1s", "And at the latest after this time.")
    fields: dict[LogField, LogValue] = setting({}, "More keys of a line, and their values, with variables.")

    def does(self) -> str:
        """Where the lines go."""
        return f"writes a line for every exchange to {self.path}"

    def check(self, document: Document, where: TreePath) -> None:
        """The file can be made."""
        check_log(document, (*where, "path"), self.path)

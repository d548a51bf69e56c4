"""What the file says of a filter of type ``fault``."""

import re
from typing import Annotated, ClassVar, Final, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.spelling import same_fields
from fastgw.config.types import FieldName, FieldValue, Parsed, Percentage
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.config.values import duration, scalar, shown
from fastgw.core.settings import FilterSettings

_NONE: Final = (0.0, 0.0)
_LONGEST: Final = 3600.0  #: seconds of a delay
_STATUS: Final = re.compile(r"[45][0-9][0-9]").fullmatch
_CUT: Final = -1  #: as ``filters.fault`` has it


def _delay(value: object) -> tuple[float, float]:
    """A duration, or the least and the most of one."""
    least, dash, most = scalar(value, "a duration such as 200ms, or a range such as 100ms-2s").partition("-")
    read = duration()
    found = (read(least.strip()), read(most.strip() if dash else least.strip()))
    if found[0] > found[1]:
        raise ValueError(f"the first of the range is the longer one, got {shown(value)}")
    if found[1] > _LONGEST:
        raise ValueError(f"a delay is an hour at most, got {shown(value)}")
    return found


def _abort(value: object) -> int:
    """A status, or how to end without one; 0: neither."""
    found = scalar(value, "a status from 400 to 599, or cut")
    if found in ("", "cut"):
        return _CUT if found else 0
    if not _STATUS(found):
        raise ValueError(f"expected a status from 400 to 599, or cut, got {shown(value)}")
    return int(found)


class Fault(FilterOptions):
    """Delays requests on purpose, or refuses or cuts them: for tests."""

    made_by: ClassVar[str] = "fastgw.filters.fault:Fault"
    type: Literal["fault"] = setting(..., "fault")
    delay: Annotated[tuple[float, float], Parsed(_delay, type=["string", "number"], examples=["200ms", "100ms-2s"])] = (
        setting("0", "How long they wait: a duration, or a range of which chance takes one. 0: not at all.")
    )
    abort: Annotated[int, Parsed(_abort, type=["string", "integer"], examples=[503, "cut"])] = setting(
        "", "What they get then: a status from 400 to 599, or cut: the end of their connection. Empty: their answer."
    )
    share: Percentage = setting("100%", "How many of the requests, by chance.")
    headers: dict[FieldName, FieldValue] = setting(
        {}, 'Fields of the requests that are meant, with their exact value or "*" for any. Default: all are.'
    )

    def settled(self, settings: FilterSettings) -> FilterSettings:
        """To wait is no failure here."""
        return settings._replace(timeout=settings.timeout + self.delay[1])

    def does(self) -> str:
        """For people."""
        least, most = self.delay
        waits = [f"waits {least:g} s" if least == most else f"waits {least:g} to {most:g} s"] if most else []
        ends = [] if not self.abort else ["cuts" if self.abort == _CUT else f"answers {self.abort}"]
        return f"faults: {', then '.join([*waits, *ends])}, {self.share * 100:g} % of requests"

    def check(self, document: Document, where: TreePath) -> None:
        """It does something."""
        same_fields(document, (*where, "headers"))
        if not is_unsound(self.delay) and self.delay == _NONE and is_missing(self.abort):
            document.report(where, "does nothing: give it a delay or an abort")

"""What the file says of a filter of type ``access_log``."""

import re
from typing import Annotated, Any, ClassVar, Final, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.logs import Rotate, check_log
from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.template import template
from fastgw.config.types import Duration, Parsed, Percentage, PositiveDuration, Stream, size, words
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.config.values import boolean, name, scalar, shown
from fastgw.filters.variables import OF_LOGS, Part

_STATUS: Final = re.compile(r"[1-5](xx|[0-9]{2})").fullmatch
_WANTED: Final = "a status such as 429, or a class of them such as 5xx"


def _log_field(value: object) -> str:
    from fastgw.filters.access_log import KEYS, RARE_KEYS

    found = name(value)
    if found in KEYS or found in RARE_KEYS:
        raise ValueError(f"a line has {found!r} already")
    return found


def _line(value: object) -> tuple[Part, ...]:
    """Parser of a template, which says something of its request."""
    found = template(is_answer=True, more=OF_LOGS, takes_tabs=True)(value)
    if not any(isinstance(part, str) for part in found):
        raise ValueError("has no variable, so all lines would be the same; name one, such as ${request.line}")
    return found


def _failed(value: object) -> tuple[str, ...]:
    """Parser of what counts as failed: ``true`` is 5xx."""
    if not isinstance(value, list):
        return ("5xx",) if boolean(value) else ()
    return tuple(dict.fromkeys(map(_status, value)))


def _status(value: object) -> str:
    found = scalar(value, _WANTED)
    if _STATUS(found) is None:
        raise ValueError(f"expected {_WANTED}, got {shown(value)}")
    return found


LogField = Annotated[str, Parsed(_log_field, is_key=True, type="string")]
LogValue = Annotated[
    tuple[Part, ...],
    Parsed(template(is_answer=True), takes_variables=True, type=["string", "number", "boolean"]),
]
Line = Annotated[tuple[Part, ...], Parsed(_line, takes_variables=True, type="string")]
_CLASS: Final = {"anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"pattern": r"^[1-5](xx|[0-9]{2})$"}]}
Failed = Annotated[
    tuple[str, ...],
    Parsed(_failed, anyOf=[{"type": "boolean"}, {"type": "array", "items": _CLASS}, {"pattern": r"\$\{"}]),
]


class Always(Model):
    """Which exchanges have a line whatever ``sample`` says."""

    slow: Duration = setting("1s", "Those that took as long, or longer. 0: none for that.")
    failed: Failed = setting(
        True,
        "Those with one of these statuses, and those whose answer a service or the gateway broke off; true is [5xx], and "
        "false is none.",
    )


class AccessLog(FilterOptions):
    """Writes a line for every exchange."""

    made_by: ClassVar[str] = "fastgw.filters.access_log:access_log"
    runs_before_routing: ClassVar[bool] = True
    is_built_in: ClassVar[bool] = True
    type: Literal["access_log"] = setting(..., "access_log")
    path: Stream = setting("stdout", "stdout, stderr or a file.")
    rotate: Rotate | None = setting(None, "When another file takes its place. Default: never.")
    batch: Annotated[int, size(1, 1 << 24)] = setting("64KiB", "Lines are written together when there is this much.")
    flush: PositiveDuration = setting("1s", "And at the latest after this time.")
    format: Annotated[str, words("json", "combined")] = setting(
        "json", "What a line is: an object of JSON, or text as Apache and nginx have it."
    )
    template: Line | None = setting(None, "A text with variables, which a line is instead.")
    fields: dict[LogField, LogValue] = setting({}, "More keys of a line of JSON, and their values, with variables.")
    sample: Percentage = setting("100%", "Of the exchanges so many have a line, by chance.")
    always: Always | None = setting(
        None, "Which of them have one in any case; by default those that took 1s, and those that failed."
    )

    def does(self) -> str:
        """Where the lines go."""
        which = "every exchange" if self.sample >= 1 else f"{self.sample * 100:g} % of the exchanges, and some others,"
        return f"writes a line for {which} to {self.path}"

    def given(self) -> dict[str, Any]:
        """With what there is always."""
        always = self.always or Always.model_validate({})
        return super().given() | {"always": (("slow", always.slow), ("failed", always.failed))}

    def check(self, document: Document, where: TreePath) -> None:
        """The file can be made, and no key is without effect."""
        check_log(document, where, self.path, self.rotate)
        is_text = self.format == "combined" or not is_missing(self.template)
        if self.format == "combined" and not is_missing(self.template):
            document.report((*where, "template"), "a line is either this or of the format combined", at_key=True)
        if is_text and not is_unsound(self.template, self.fields) and self.fields:
            reason = "a line of text has no keys; name the variables in a template"
            document.report((*where, "fields"), reason, at_key=True)
        if self.sample == 1 and not is_missing(self.always):
            document.report((*where, "always"), "has no effect: without sample every exchange has a line", at_key=True)

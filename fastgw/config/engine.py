"""What the file says of inference engines, which tell how busy they are, and which models they have.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Annotated, Any, Final

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from fastgw.config.likeness import nearest
from fastgw.config.model import Model, alternative, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, Parsed, PositiveDuration, count, words
from fastgw.config.unsound import is_unsound
from fastgw.config.values import scalar, shown
from fastgw.policy.engines import AUTO, KINDS, known

_SHORTEST: Final = 0.1  #: seconds between two looks


def _target(value: object) -> str:
    found = scalar(value, "a path")
    if not found.startswith("/") or not found.isascii() or not found.isprintable() or " " in found:
        raise ValueError(f"expected a path that begins with '/', such as /metrics, got {shown(value)}")
    return found


def _metric(value: object) -> str:
    return str(scalar(value, "the name of a metric"))


class ModelLists(Model):
    """Where members say which models they have; ``true`` is short for the defaults."""

    path: Annotated[str, Parsed(_target, type="string")] = setting("/v1/models", "Path of the list.")
    port: Annotated[int, count(1, 65_535)] | None = setting(None, "Where it is, if not at the port of the endpoint.")
    interval: PositiveDuration = setting("10s", "Between two looks; what was read is good for three of them.")
    timeout: PositiveDuration = setting("2s", "How long a look may take.")

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """``true``."""
        return {} if data == "true" else data

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return alternative({"type": "boolean"}, schema, handler)

    def check(self, document: Document, where: TreePath) -> None:
        """Report times that do not fit."""
        if not is_unsound(self.interval) and self.interval < _SHORTEST:
            document.report((*where, "interval"), f"is less than {_SHORTEST * 1000:g} ms")
        if self.timeout > self.interval:
            document.report((*where, "timeout"), f"is longer than interval ({self.interval:g} s)")


class Engine(Model):
    """Where inference engines tell how busy they are, and in which words."""

    kind: Annotated[str, words(AUTO, *KINDS)] = setting(AUTO, "Whose metrics they are. auto: those that are there.")
    path: Annotated[str, Parsed(_target, type="string")] = setting("/metrics", "Path of the page with the metrics.")
    port: Annotated[int, count(1, 65_535)] | None = setting(
        None, "Where it is, if not at the port of the endpoint, as with Triton (8002)."
    )
    interval: PositiveDuration = setting("1s", "Between two looks; what was read is good for three of them.")
    timeout: PositiveDuration = setting("500ms", "How long a look may take.")
    metrics: list[Annotated[str, Parsed(_metric, type="string")]] = setting(
        [], "Names of those that count. Default: all that the kind has."
    )
    poll: Boolean = setting(True, "Read that page again and again.")
    reports: Boolean = setting(False, "Ask for a load report (ORCA) in each answer, and read it.")
    pass_reports: Boolean = setting(False, "Clients get these reports too.")

    def check(self, document: Document, where: TreePath) -> None:
        """Report names that no engine has, and times that do not fit."""
        if not self.poll and not self.reports:
            document.report((*where, "poll"), "is off, and so are reports: nobody would know how busy members are")
        if self.pass_reports and not self.reports:
            document.report((*where, "pass_reports"), "has no effect without reports")
        if not is_unsound(self.interval) and self.interval < _SHORTEST:
            document.report((*where, "interval"), f"is less than {_SHORTEST * 1000:g} ms")
        if self.timeout > self.interval:
            document.report((*where, "timeout"), f"is longer than interval ({self.interval:g} s)")
        if is_unsound(self.kind):
            return
        names = known(self.kind)
        for place, name in enumerate(self.metrics):
            if not is_unsound(name) and name not in names:
                whose = "any engine" if self.kind == AUTO else self.kind
                meant = nearest(name, dict.fromkeys(names)) or f"; known are {', '.join(names)}"
                document.report((*where, "metrics", place), f"no metric of {whose} is named {shown(name)}{meant}")

"""What the file says of how many requests a service is sent at one time, and of those that wait.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Annotated, Any, Final, cast

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from fastgw.config.model import Model, alternative, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.spec import AdmissionSpec
from fastgw.config.template import varying
from fastgw.config.types import Duration, Name, Parsed, Percentage, PositiveDuration, count, count_or, words
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.core.settings import AS_FORECAST, AdmissionSettings

MOST_PLACES: Final = 65535
MOST_CLASSES: Final = 8  #: as many as are counted (``core.labels.RANKS``)
DISCIPLINES: Final = ("fifo", "adaptive_lifo", "fair")
_FAIR: Final = "fair"
_ONE_CLASS: Final = ("all",)  #: of an admission without priority
_LEAST_LEARNED: Final = 4
_MOST_LEARNED: Final = 1000
_START: Final = 20

Key = Annotated[tuple[bytes | str, ...], Parsed(varying, takes_variables=True, type="string")]


class Adaptive(Model):
    """A limit that is learned from how fast the service answers."""

    min: Annotated[int, count(1, MOST_PLACES)] = setting(_LEAST_LEARNED, "The limit is never less.")
    max: Annotated[int, count(1, MOST_PLACES)] = setting(_MOST_LEARNED, "Never more.")
    start: Annotated[int, count_or("forecast", AS_FORECAST, 1, MOST_PLACES)] | None = setting(
        None,
        "Where it begins, when nothing is known; 20, or what of min and max is nearer; forecast: at what is expected of this hour.",
    )


class PlacesLimit(Model):
    """A number, or what it is learned by."""

    fixed: Annotated[int, count(1, MOST_PLACES)] | None = setting(None, "So many.")
    adaptive: Adaptive | None = setting(None, "As many as the service answers fast.")

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """A number stands alone."""
        return data if data is None or isinstance(data, dict) else {"fixed": data}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return alternative({"type": "integer", "minimum": 1, "maximum": MOST_PLACES}, schema, handler)


class WaitingLine(Model):
    """Requests that wait for a place."""

    size: Annotated[int, count(1, 100_000)] = setting(100, "Requests that wait in each worker; more are turned away.")
    timeout: PositiveDuration = setting(..., "How long each may wait; then it is turned away.")
    discipline: Annotated[str, words(*DISCIPLINES)] = setting(
        "fifo", "Who is next: fifo, adaptive_lifo (who came last, while those that came first wait long) or fair."
    )
    key: Key | None = setting(None, "Of fair: text with variables; requests with the same take turns as one.")


class PriorityClass(Model):
    """Requests that come before those of later classes."""

    name: Name = setting(..., "What the key says.")
    reserved: Percentage = setting("0%", "Part of the places that only this class gets.")

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """A name stands alone."""
        return {"name": data} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return alternative({"type": "string"}, schema, handler)


class Priority(Model):
    """Which requests come first."""

    key: Key = setting(..., "Text with variables, such as ${header.x-priority}: the name of a class.")
    classes: list[PriorityClass] = setting(..., "First to last; from 2 to 8.")
    default: Name | None = setting(None, "The class of requests whose key is no name of one. Default: the last.")


class Admission(Model):
    """How many requests a service is sent at one time, and what becomes of the others."""

    limit: PlacesLimit = setting(..., "Requests under way at one time, in all workers: a number, or {adaptive: {}}.")
    queue: WaitingLine | None = setting(None, "Who finds no place waits. Default: nobody does.")
    priority: Priority | None = setting(None, "Which requests come first. Default: all are the same.")
    status: Annotated[str, words("503", "429")] = setting("503", "Of the answer to those that are turned away.")
    retry_after: PositiveDuration = setting("1s", "What that answer says in Retry-After, in whole seconds.")
    shed_lag: Duration = setting("0s", "A worker whose loop is later than this turns requests away. 0: never.")

    def spec(self) -> AdmissionSpec:
        """The same as plain data."""
        queue, priority, learned = self.queue, self.priority, self.limit.adaptive
        classes = priority.classes if priority is not None else ()
        names = tuple(one.name for one in classes) or _ONE_CLASS
        default = priority.default if priority is not None and priority.default else names[-1]
        settings = AdmissionSettings(
            limit=cast(int, self.limit.fixed) if learned is None else _start(learned),
            least=learned.min if learned is not None else 0,
            most=learned.max if learned is not None else 0,
            queue_size=queue.size if queue is not None else 0,
            queue_timeout=queue.timeout if queue is not None else 0.0,
            discipline=queue.discipline if queue is not None else DISCIPLINES[0],
            classes=names,
            reserved=tuple(one.reserved for one in classes) or (0.0,),
            default_rank=names.index(default),
            status=self.status,
            retry_after=self.retry_after,
            shed_lag=self.shed_lag,
            is_forecast=learned is not None and learned.start == AS_FORECAST,
        )
        class_key = priority.key if priority is not None else ()
        return AdmissionSpec(settings, class_key, (queue.key if queue is not None else None) or ())


def _start(learned: Adaptive) -> int:
    start = _START if learned.start in (None, AS_FORECAST) else learned.start
    return min(learned.max, max(learned.min, start))


def check_admission(document: Document, where: TreePath, admission: Admission | None) -> None:
    """Report what cannot work together in ``admission``, which stands at ``where``."""
    if admission is None or is_unsound(admission):
        return
    limit, queue, priority = admission.limit, admission.queue, admission.priority
    _check_limit(document, (*where, "limit"), limit)
    if queue is not None and not is_unsound(queue, queue.discipline):
        if queue.discipline == _FAIR and is_missing(queue.key):
            document.report((*where, "queue", "discipline"), "fair needs key, which says whose turn it is")
        if queue.discipline != _FAIR and queue.key is not None and not is_unsound(queue.key):
            document.report((*where, "queue", "key"), "has no effect without discipline: fair", at_key=True)
    if priority is not None and not is_unsound(priority):
        _check_classes(document, (*where, "priority"), priority, None if is_unsound(limit) else limit.fixed)


def _check_limit(document: Document, where: TreePath, limit: PlacesLimit) -> None:
    if is_unsound(limit):
        return
    learned = limit.adaptive
    if is_missing(limit.fixed) and learned is None:
        document.report(where, "expected a number of requests, or {adaptive: {...}}")
    elif limit.fixed is not None and learned is not None and not is_unsound(limit.fixed, learned):
        document.report((*where, "fixed"), "stands beside adaptive: the limit is one of them", at_key=True)
    if learned is None or is_unsound(learned):
        return
    if learned.min > learned.max:
        document.report((*where, "adaptive", "min"), f"is more than max ({learned.max})")
    elif learned.start not in (None, AS_FORECAST) and not learned.min <= learned.start <= learned.max:
        document.report((*where, "adaptive", "start"), f"is not between min ({learned.min}) and max ({learned.max})")


def _check_classes(document: Document, where: TreePath, priority: Priority, places: int | None) -> None:
    classes = priority.classes
    if is_unsound(classes):
        return
    if not 2 <= len(classes) <= MOST_CLASSES:
        document.report((*where, "classes"), f"expected from 2 to {MOST_CLASSES} classes, got {len(classes)}")
    names = [one.name for one in classes if not is_unsound(one, one.name)]
    for place, one in enumerate(classes):
        if one.name in names[:place]:
            document.report((*where, "classes", place, "name"), f"there is a class {one.name!r} already")
        if places and one.reserved > 0 and int(places * one.reserved + 1e-9) < 1:
            document.report((*where, "classes", place, "reserved"), f"is less than one of {places} places")
    if priority.default is not None and priority.default not in names and not any(map(is_unsound, classes)):
        document.report((*where, "default"), f"{priority.default!r} is none of the classes {', '.join(names)}")
    parts = [one.reserved for one in classes]
    if is_unsound(*parts):
        return
    if sum(parts) > 1 + 1e-9:
        document.report((*where, "classes"), f"reserve {sum(parts) * 100:g}% of the places, more than all of them")
    elif sum(parts) > 1 - 1e-9 and 0 in parts:
        lost = ", ".join(one.name for one in classes if not one.reserved)
        document.report((*where, "classes"), f"reserve all places for others than {lost}, which would never get one")

"""What the file says of answers in the place of a service that cannot give one.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Final

from fastgw.config.answers import Reply
from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.spec import FallbackSpec
from fastgw.config.types import Duration, Name, Parsed
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.config.values import scalar, shown
from fastgw.core.settings import ReplySettings
from fastgw.policy.fallback import CAUSES

_STATUS: Final = re.compile(r"[45](xx|[0-9]{2})").fullmatch
_WANTED: Final = f"{', '.join(CAUSES)}, 4xx, 5xx, or a status from 400 to 599"
ANSWERS: Final = ("service", "reply", "cached")  #: what a step has one of


def fallback_reason(value: object) -> str:
    """Parser of a cause, or of a status or a class of them."""
    found = scalar(value, _WANTED)
    if found not in CAUSES and _STATUS(found) is None:
        raise ValueError(f"expected {_WANTED}, got {shown(value)}")
    return found


class LastGood(Model):
    """The last good answer that the route's cache has kept."""

    max_age: Duration = setting("1h", "How old it may be.")


class Fallback(Model):
    """Who answers instead, and when: a service, a reply, or the cache."""

    on: list[
        Annotated[str, Parsed(fallback_reason, anyOf=[{"enum": list(CAUSES)}, {"pattern": "^[45](xx|[0-9]{2})$"}])]
    ] = setting([*CAUSES], "When it does: causes, statuses such as 503, and classes of them, 4xx and 5xx.")
    service: Name | None = setting(None, "Name of another service that is asked.")
    reply: Reply | None = setting(None, "An answer that is written here, as that of a route.")
    cached: LastGood | None = setting(None, "What the route's cache has kept, however stale.")

    def spec(self) -> FallbackSpec:
        """As plain data."""
        causes = tuple(dict.fromkeys(one for one in self.on if one in CAUSES))
        statuses = sorted({status for one in self.on if one not in CAUSES for status in statuses_of(one)})
        return FallbackSpec(causes, tuple(statuses), self.service, self._reply(), self._most())

    def _most(self) -> float | None:
        return self.cached.max_age if self.cached is not None else None

    def _reply(self) -> ReplySettings | None:
        return self.reply.settings() if self.reply is not None else None


def statuses_of(text: str) -> Sequence[int]:
    """The statuses that a status, or a class of them such as ``5xx``, is."""
    first = int(text[0]) * 100
    return range(first, first + 100) if text.endswith("xx") else (int(text),)


def check_fallback(
    document: Document, where: TreePath, name: str, steps: Sequence[Fallback], *, has_cache: bool
) -> None:
    """Report steps of the service ``name`` that can never answer; ``has_cache``: some route to it keeps answers."""
    seen: dict[str, int] = {}
    for place, step in enumerate(steps):
        at: TreePath = (*where, place)
        if is_unsound(step):
            continue
        _check_answer(document, at, step)
        if step.reply is not None and not is_unsound(step.reply):
            step.reply.check(document, (*at, "reply"))
        if not is_unsound(step.service) and step.service == name:
            document.report((*at, "service"), f"{name!r} cannot stand in for itself: another try is what retry is for")
        if step.cached is not None and not has_cache:
            document.report((*at, "cached"), "has nothing to give: no route to this service has a cache", at_key=True)
        if is_unsound(step.on, *step.on):
            continue
        if not step.on:
            document.report((*at, "on"), "is empty, so this step is never asked")
        first = next((seen[one] for one in step.on if one in seen), None)
        if step.on and all(one in seen for one in step.on):
            document.report(at, f"is never asked: fallback[{first}] has an answer whenever this one is meant")
        if not is_missing(step.reply):
            seen.update((one, place) for one in step.on if one not in seen)


def _check_answer(document: Document, at: TreePath, step: Fallback) -> None:
    given = [key for key in ANSWERS if getattr(step, key) is not None]
    if not given and not any(is_unsound(getattr(step, key)) for key in ANSWERS):
        document.report(at, f"answers nothing: give it one of {', '.join(ANSWERS)}")
    for key in given[1:]:
        document.report((*at, key), f"stands beside {given[0]}; give one of them")

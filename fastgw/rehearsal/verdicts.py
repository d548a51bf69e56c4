"""What two configurations decide of the same request, tried on both: what is met there differs, and it may come to the same all the same.

Told are names, statuses and codes, and no values: what a service gets may be a secret.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from fastgw.config.spec import GatewaySpec
from fastgw.rehearsal.captures import RecordedRequest
from fastgw.rehearsal.stage import Decided, FieldValues, Stage
from fastgw.rehearsal.staging import Need, needs, unknown
from fastgw.rehearsal.treatment import Way

NAMES_MOST: Final = 8  #: that a line has
#: Fields of which the value says nothing: another one each time, or about the body.
VARYING: Final = frozenset(
    {"date", "age", "content-length", "x-request-id", "traceparent", "server-timing", "connection"}
)


class Trial:
    """Both configurations, each on a stage."""

    def __init__(self, old: GatewaySpec, new: GatewaySpec) -> None:
        self._specs = old, new
        self._stages: tuple[Stage, ...] = ()  # made for the first request that is tried: most changes concern few
        self._gone = ""  # why they cannot be made
        self._needs: dict[tuple[int, str, str], tuple[Need, ...]] = {}
        self.unknown: Counter[str] = Counter()  #: requests that could not be tried, by the reason

    def of(self, request: RecordedRequest, before: Way, found: Way) -> tuple[Decided, Decided] | None:
        """What both decide of ``request``, which takes these ways; None: that does not follow from what was recorded."""
        if before.listener is None or found.listener is None:
            return None
        for place, way in enumerate((before, found)):
            if reason := self._unknown(place, way, request):
                self.unknown[reason] += 1
                return None
        if not self._is_set():
            self.unknown[self._gone] += 1
            return None
        pairs = zip(self._stages, (before, found), strict=True)
        verdicts = [stage.tried(request, way.listener.name, _name(way)) for stage, way in pairs if way.listener]
        if len(verdicts) < 2 or verdicts[0] is None or verdicts[1] is None:
            self.unknown["it cannot be asked again"] += 1
            return None
        return verdicts[0], verdicts[1]

    def _is_set(self) -> bool:
        if not self._stages and not self._gone:
            try:
                self._stages = tuple(Stage(one) for one in self._specs)
            except (OSError, ImportError) as error:  # a file that one of them names, or a package, is gone
                self._gone = f"the filters cannot be made ({type(error).__name__})"
        return bool(self._stages)

    def _unknown(self, place: int, way: Way, request: RecordedRequest) -> str:
        listener = way.listener
        if listener is None:
            return ""
        key = (place, listener.name, _name(way))
        found = self._needs.get(key)
        if found is None:
            found = self._needs[key] = needs(self._specs[place], listener, way.route)
        return unknown(found, request, listener)

    def close(self) -> None:
        """Let both go."""
        for one in self._stages:
            one.close()


def verdict_lines(old: Decided, new: Decided) -> tuple[str, ...]:
    """What is decided in another way, in words."""
    if old.is_refusal or new.is_refusal:
        was, now = _answer(old), _answer(new)
        return () if was == now else (f"answer: {was} -> {now}",)
    lines = [f"answer: {old.status} -> {new.status}"] if old.status != new.status and old.status and new.status else []
    if old.path is not None and new.path is not None:
        lines += ["the service gets another path"] if old.path != new.path else []
        lines += ["the service gets another body"] if old.body != new.body else []
        lines += _named("the service gets", old.asked, new.asked)
    if old.status and new.status:
        lines += _named("the client gets", old.answered, new.answered)
    return tuple(lines)


def _answer(verdict: Decided) -> str:
    if not verdict.is_refusal:
        return "as the service says" if verdict.path is not None else str(verdict.status)
    return f"{verdict.status} {verdict.code}".rstrip()


def _named(who: str, old: FieldValues, new: FieldValues) -> list[str]:
    parts = [f"no {name}" for name in sorted(old.keys() - new.keys())]
    parts += sorted(new.keys() - old.keys())
    both = old.keys() & new.keys() - VARYING
    parts += [f"another {name}" for name in sorted(both) if old[name] != new[name]]
    more = [f"and {len(parts) - NAMES_MOST} more"] if len(parts) > NAMES_MOST else []
    return [f"{who}: {', '.join([*parts[:NAMES_MOST], *more])}"] if parts else []


def _name(way: Way) -> str:
    return way.route.name if way.route is not None else ""

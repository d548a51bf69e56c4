"""What is different, of all recorded requests, between two configurations: how many, which, and what it is.

Two numbers decide something.  Who *changed* is treated in another way, which may be what the change is for.  Who is *lost* had an answer,
would have one by the configuration before, and would have none by the new one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from fastgw.config.spec import fallback_name
from fastgw.rehearsal.captures import RecordedRequest, shown, shown_request
from fastgw.rehearsal.limits import LimitChange, LimitTrial
from fastgw.rehearsal.stage import Decided
from fastgw.rehearsal.treatment import Treatments, Way, compared
from fastgw.rehearsal.verdicts import Trial, verdict_lines

EXAMPLES_MOST: Final = 1000  #: different ones that are told apart, of one change
CHANGES_MAX: Final = 1000  #: different ones; those of a forged capture have no end
OTHERS: Final = ("others, too many to be told apart",)
SHOWN: Final = 3  #: examples of each change


@dataclass(slots=True)
class Affected:
    """What is so for some requests."""

    count: int = 0
    examples: Counter[str] = field(default_factory=Counter)

    def add(self, request: RecordedRequest) -> None:
        """One more."""
        self.count += 1
        text = shown_request(request)
        if text in self.examples or len(self.examples) < EXAMPLES_MOST:
            self.examples[text] += 1


@dataclass(slots=True)
class Rehearsal:
    """What became of all requests."""

    requests: int = 0
    first: str = ""
    last: str = ""
    served: int = 0  #: that had an answer, and would have one by the configuration before
    changes: dict[tuple[str, ...], Affected] = field(default_factory=dict)
    lost: dict[str, Affected] = field(default_factory=dict)  #: of those that were served, by the reason
    doubtful: Counter[str] = field(
        default_factory=Counter
    )  #: requests by a field that decides and is known as a hash alone
    unknown: Counter[str] = field(
        default_factory=Counter
    )  #: requests that meet something else, and could not be tried on it, by the reason
    limits: list[LimitChange] = field(default_factory=list)  #: that refuse more, or fewer
    limits_unknown: str = ""  #: why that is not known of limits that are others
    is_cut: bool = False  #: there was no time for all of them

    @property
    def changed(self) -> int:
        """Requests that something changes for."""
        return sum(one.count for one in self.changes.values())

    @property
    def losses(self) -> int:
        """Requests that would be served no more."""
        return sum(one.count for one in self.lost.values())


def replayed(
    requests: Iterable[RecordedRequest],
    old: Treatments | None,
    new: Treatments,
    is_late: Callable[[], bool] = lambda: False,
    trial: Trial | None = None,
    limits: LimitTrial | None = None,
) -> Rehearsal:
    """What ``new`` does in another way than ``old``, or than was recorded; ends when ``is_late``.

    ``trial``: of the same two, on which requests are tried that meet something else; ``limits``: through which all are led.
    """
    report = Rehearsal()
    known: dict[tuple[Any, ...], tuple[str, ...]] = {}  # what two treatments differ in
    for request in requests:
        if not report.requests % 64 and is_late():
            report.is_cut = True
            break
        report.requests += 1
        report.first = report.first or request.at
        report.last = request.at
        found = new.find(request)
        report.doubtful.update(found.doubtful)
        if old is None:
            lines = _against_record(request, found)
            _account(report, request, "", new.refusal(found, request))
        else:
            before = old.find(request)
            key = (before.key, found.key)
            if key not in known:
                known[key] = _against_old(old, before, new, found)
            lines = known[key]
            if limits is not None:
                limits.see(request, before, found, lines)
            verdicts = trial.of(request, before, found) if trial is not None and lines else None
            lines += verdict_lines(*verdicts) if verdicts is not None else ()
            was, now = old.refusal(before, request), new.refusal(found, request)
            if verdicts is not None:
                was, now = was or _refused(verdicts[0]), now or _refused(verdicts[1])
            _account(report, request, was, now)
        if lines:
            kept = lines if lines in report.changes or len(report.changes) < CHANGES_MAX else OTHERS
            report.changes.setdefault(kept, Affected()).add(request)
    if trial is not None:
        report.unknown = trial.unknown
    if limits is not None:
        report.limits, report.limits_unknown = limits.changes(), limits.unknown
    return report


def _account(report: Rehearsal, request: RecordedRequest, was: str, now: str) -> None:
    """Was it served, by the record and as it ``was`` refused, and is it no more?"""
    if request.was_served and not was:
        report.served += 1
        if now:
            report.lost.setdefault(now, Affected()).add(request)


def _refused(verdict: Decided) -> str:
    return f"answered {verdict.status} {verdict.code}".rstrip() if verdict.is_refusal else ""


def _against_record(request: RecordedRequest, found: Way) -> tuple[str, ...]:
    """By what the capture says alone: the route, and its service where it has one."""
    name = found.route.name if found.route is not None else ""
    recorded = request.route if request.route != fallback_name(request.listener) else ""
    lines = [f"route: {shown(recorded) or 'none'} -> {name or 'none'}"] if name != recorded else []
    if found.route is not None and found.route.service is not None and request.service:
        service = request.service.partition("@")[0]
        if found.route.service != service and not found.route.models:
            lines.append(f"service: {shown(service)} -> {found.route.service}")
    return tuple(lines)


def _against_old(old: Treatments, before: Way, new: Treatments, found: Way) -> tuple[str, ...]:
    names = [one.route.name if one.route is not None else "none" for one in (before, found)]
    lines = [f"route: {names[0]} -> {names[1]}"] if names[0] != names[1] else []
    if (before.listener is None) != (found.listener is None):
        lines.append("listener: is there no more" if found.listener is None else "listener: is new")
    one, other = old.things(before), new.things(found)
    if names[0] != names[1] and before.route is not None and found.route is not None:
        one = {key if key != f"route {names[0]}" else f"route {names[1]}": value for key, value in one.items()}
    return (*lines, *compared(one, other, partial(new.differing, old)))


def document(
    report: Rehearsal, unread: Counter[str], first_unread: Mapping[str, str], most: int | None = None
) -> dict[str, Any]:
    """The report as plain data; ``unread``: lines that were left out, by the reason; ``most``: changes that are told, None: all."""
    return {
        "requests": report.requests,
        "changed": report.changed,
        "served": report.served,
        "lost": report.losses,
        "first": shown(report.first),
        "last": shown(report.last),
        "cut": report.is_cut,
        "left_out": [
            {"reason": reason, "count": count, "first": first_unread[reason]} for reason, count in unread.most_common()
        ],
        "doubtful": dict(report.doubtful),
        "unknown": dict(report.unknown),
        "limits": [one._asdict() for one in report.limits],
        "limits_unknown": report.limits_unknown,
        "changes": [
            {"count": one.count, "lines": list(lines), "examples": _examples(one)}
            for lines, one in by_count(report.changes)[:most]
        ],
        "losses": [
            {"count": one.count, "reason": reason, "examples": _examples(one)}
            for reason, one in by_count(report.lost)[:most]
        ],
    }


def by_count(found: Mapping[Any, Affected]) -> Sequence[tuple[Any, Affected]]:
    """The most frequent first."""
    return sorted(found.items(), key=lambda one: -one[1].count)


def _examples(found: Affected) -> list[dict[str, Any]]:
    return [{"request": text, "count": count} for text, count in found.examples.most_common(SHOWN)]

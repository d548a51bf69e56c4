"""Recorded requests sent to a gateway, at the pace at which they came: which are answered in another way, and how fast.

In another way than was recorded, of which the status is known; or than another gateway answers, which is asked the same at the same time:
then bodies are compared too.
What was recorded as a hash cannot be sent: a request is left out whose query or body is known as one, and a field is not sent.  Of what
changes something on the other side (RFC 9110 section 9.2.1) nothing is sent unless somebody says so.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fastgw.cli.beside import difference
from fastgw.core.calls import AsMember, Caller, CallError
from fastgw.core.settings import Url
from fastgw.filters.record import HASHED
from fastgw.rehearsal.captures import shown, shown_request
from fastgw.rehearsal.recent import seconds_of

if TYPE_CHECKING:
    import ssl

    from fastgw.core.calls import Answered
    from fastgw.rehearsal.captures import Capture, RecordedRequest

SAFE: Final = frozenset({"GET", "OPTIONS"})
NEVER_SENT: Final = frozenset({"HEAD", "CONNECT"})  #: whose answers are not read here
MADE: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "accept-encoding", "connection", "expect", "upgrade"}
)
AT_ONCE: Final = 64  #: under way
LIMIT: Final = 60.0  #: seconds of one request
LARGEST: Final = 256 << 20  #: bytes of an answer
PAUSE_MAX: Final = 3600.0  #: seconds between two requests
HOSTS_MOST: Final = 100  #: that connections are kept for


class LiveOutcome(NamedTuple):
    """What became of one request at one gateway."""

    became: str  #: the status, or why there is none
    milliseconds: float
    answer: Answered | None = None  #: if it is compared


@dataclass(slots=True)
class LiveReport:
    """What became of all of them."""

    beside: str = ""  #: the URL of the gateway that they are compared with; empty: with what was recorded
    sent: int = 0
    left_out: Counter[str] = field(default_factory=Counter)  #: by the reason
    changes: dict[str, Counter[str]] = field(default_factory=dict)  #: requests by what was and what is
    before: list[float] = field(default_factory=list)  #: milliseconds, as recorded, or of the gateway beside
    now: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def changed(self) -> int:
        """Requests that are answered in another way."""
        return sum(sum(one.values()) for one in self.changes.values())


class LiveGateway:
    """One that is asked, at which a connection is kept for each host that it is told."""

    def __init__(self, url: Url, context: ssl.SSLContext | None, limit: float) -> None:
        self.url = url
        self._context = context
        self._limit = limit
        self._callers: dict[str, Caller] = {}

    def caller(self, host: str) -> Caller:
        """Who asks for ``host``."""
        found = self._callers.get(host)
        if found is None:
            if len(self._callers) >= HOSTS_MOST:
                self._callers.pop(next(iter(self._callers))).close()
            member = AsMember(self._context, self.url.host, authority=host)
            found = self._callers[host] = Caller(self.url, self._limit, LARGEST, AT_ONCE, as_member=member)
        return found

    def close(self) -> None:
        """Close all connections."""
        for caller in self._callers.values():
            caller.close()


class ReplayPace:
    """When each request is due, by the times at which they came."""

    def __init__(self, speed: float) -> None:
        """``speed``: in times that of the capture, 0: as fast as it goes."""
        self._speed = speed
        self._last: float | None = None
        self._due = 0.0

    def due(self, at: str) -> float:
        """Seconds behind the first one; who says no time comes at once, and no pause is longer than ``PAUSE_MAX``."""
        try:
            seconds = seconds_of(at)
        except ValueError:
            return self._due
        pause = seconds - self._last if self._last is not None else 0.0
        self._last = seconds
        if self._speed:
            self._due += max(-PAUSE_MAX, min(pause, PAUSE_MAX)) / self._speed
        return self._due


class LiveReplay:
    """To one gateway, and perhaps to another beside it."""

    def __init__(
        self,
        gateway: LiveGateway,
        beside: LiveGateway | None,
        fields: Sequence[tuple[str, str]],
        *,
        speed: float,
        are_all: bool,
        ignored: frozenset[str] = frozenset(),
    ) -> None:
        """``beside``: gets the same at the same time, and its answers are what those of ``gateway`` are compared with, bodies too;
        ``fields``: sent with each, in the place of recorded ones; ``speed``: see ``ReplayPace``; ``are_all``: whatever their methods;
        ``ignored``: keys of JSON in which answers may differ."""
        self._gateway = gateway
        self._beside = beside
        self._fields = [(name.lower().encode(), value.encode()) for name, value in fields]
        self._speed = speed
        self._are_all = are_all
        self._ignored = ignored
        self._room = asyncio.Semaphore(AT_ONCE)
        self.report = LiveReport(str(beside.url) if beside is not None else "")

    async def send(self, capture: Capture) -> LiveReport:
        """All that may be sent; raises OSError where a file cannot be read."""
        began, pace = time.monotonic(), ReplayPace(self._speed)
        tasks: set[asyncio.Task[None]] = set()
        try:
            for request in capture:
                if reason := self._reason(request):
                    self.report.left_out[reason] += 1
                    continue
                due = pace.due(request.at)
                if self._speed:
                    await asyncio.sleep(max(0.0, due - (time.monotonic() - began)))
                await self._room.acquire()
                task = asyncio.create_task(self._one(request))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            while tasks:
                await asyncio.wait(tasks)
        finally:
            self._gateway.close()
            if self._beside is not None:
                self._beside.close()
        self.report.seconds = time.monotonic() - began
        return self.report

    def _reason(self, request: RecordedRequest) -> str:
        """Why it is not sent; empty: it is."""
        if request.method in NEVER_SENT or not (self._are_all or request.method in SAFE):
            return f"they are {shown(request.method)[:20]}"
        if HASHED in request.query or HASHED in request.path:
            return "their query was recorded as hashes"
        if request.body is not None and request.body.get("size") and "data" not in request.body:
            return "their body was not recorded"
        return ""

    async def _one(self, request: RecordedRequest) -> None:
        report, beside = self.report, self._beside
        try:
            if beside is None:
                answer = await self._asked(self._gateway, request)
                other = LiveOutcome(str(request.status), request.milliseconds)
            else:
                answer, other = await asyncio.gather(self._asked(self._gateway, request), self._asked(beside, request))
        finally:
            self._room.release()
        report.sent += 1
        if change := self._change(other, answer):
            report.changes.setdefault(change, Counter())[shown_request(request)] += 1
        if answer.became.isdigit() and other.became.isdigit():
            report.before.append(other.milliseconds)
            report.now.append(answer.milliseconds)

    def _change(self, other: LiveOutcome, answer: LiveOutcome) -> str:
        if answer.became != other.became:
            return f"{other.became} -> {answer.became}"
        if answer.answer is None or other.answer is None:
            return ""
        return difference(other.answer, answer.answer, self._ignored)

    async def _asked(self, gateway: LiveGateway, request: RecordedRequest) -> LiveOutcome:
        began = time.monotonic()
        answer = None
        try:
            answer = await gateway.caller(request.host).call(
                request.method.encode("latin-1", "replace"), self._sent(request), _body(request), _target(request)
            )
            became = str(answer.status)
        except CallError as error:
            became = error.cause
        except ValueError:
            became = "not_sendable"
        kept = answer if self._beside is not None else None
        return LiveOutcome(became, (time.monotonic() - began) * 1e3, kept)

    def _sent(self, request: RecordedRequest) -> list[tuple[bytes, bytes]]:
        own = {name for name, _ in self._fields}
        found = [
            (name.encode("latin-1", "replace"), value.encode("utf-8", "replace"))
            for name, value in request.fields.items()
            if name not in MADE
        ]
        return [one for one in found if one[0] not in own] + self._fields


def _body(request: RecordedRequest) -> bytes:
    data = (request.body or {}).get("data", "")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ValueError("a body that is none") from None


def _target(request: RecordedRequest) -> str:
    return f"{request.path}?{request.query}" if request.query else request.path


def live_lines(report: LiveReport, place: str) -> Iterator[str]:
    """The report for people."""
    yield f"{report.sent} requests sent to {place} in {report.seconds:.1f} s"
    for reason, count in report.left_out.most_common():
        yield f"! {count} not sent: {reason}"
    yield f"{report.sent - report.changed:8} answered as {'before' if not report.beside else f'by {report.beside}'}"
    for what, examples in sorted(report.changes.items(), key=lambda one: -sum(one[1].values())):
        yield f"{sum(examples.values()):8} {what}"
        yield from (f"{'':10} {count} of {text}" for text, count in examples.most_common(3))
    if len(report.now) > 1:
        (half, most), (was_half, was_most) = _halves(report.now), _halves(report.before)
        word = "beside" if report.beside else "recorded"
        yield f"median {half:.1f} ms, {word} {was_half:.1f}; 99 of 100 within {most:.1f} ms, {word} {was_most:.1f}"


def live_document(report: LiveReport) -> dict[str, Any]:
    """The same for tools; milliseconds."""
    times = {}
    if len(report.now) > 1:
        names = ("median", "p99")
        times = {
            "now": dict(zip(names, _halves(report.now), strict=True)),
            "beside" if report.beside else "recorded": dict(zip(names, _halves(report.before), strict=True)),
        }
    return {
        "beside": report.beside or None,
        "sent": report.sent,
        "changed": report.changed,
        "left_out": dict(report.left_out),
        "changes": {what: dict(examples.most_common(3)) for what, examples in report.changes.items()},
        "milliseconds": times,
    }


def _halves(values: Sequence[float]) -> tuple[float, float]:
    found = quantiles(values, n=100, method="inclusive")
    return round(found[49], 3), round(found[98], 3)

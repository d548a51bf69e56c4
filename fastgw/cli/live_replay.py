"""Recorded requests sent to a gateway, at the pace at which they came: which are answered in another way, and how fast.

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
from datetime import datetime
from statistics import quantiles
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.calls import AsMember, Caller, CallError
from fastgw.core.settings import Url
from fastgw.filters.record import HASHED

if TYPE_CHECKING:
    import ssl

    from fastgw.rehearsal.captures import Capture, RecordedRequest

SAFE: Final = frozenset({"GET", "OPTIONS"})
NEVER_SENT: Final = frozenset({"HEAD", "CONNECT"})  #: whose answers are not read here
MADE: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "accept-encoding", "connection", "expect", "upgrade"}
)
AT_ONCE: Final = 64  #: under way
LIMIT: Final = 60.0  #: seconds of one request
LARGEST: Final = 256 << 20  #: bytes of an answer
HOSTS_MOST: Final = 100  #: that connections are kept for


@dataclass(slots=True)
class LiveReport:
    """What became of all of them."""

    sent: int = 0
    left_out: Counter[str] = field(default_factory=Counter)  #: by the reason
    changes: dict[str, Counter[str]] = field(default_factory=dict)  #: requests by what was and what is
    before: list[float] = field(default_factory=list)  #: milliseconds, as recorded
    now: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def changed(self) -> int:
        """Requests that are answered in another way."""
        return sum(sum(one.values()) for one in self.changes.values())


class LiveReplay:
    """To one gateway."""

    def __init__(
        self,
        url: Url,
        context: ssl.SSLContext | None,
        fields: Sequence[tuple[str, str]],
        *,
        speed: float,
        are_all: bool,
        limit: float = LIMIT,
    ) -> None:
        """``fields``: sent with each, in the place of recorded ones; ``speed``: in times that of the capture, 0: as fast as it goes;
        ``are_all``: whatever their methods."""
        self._url = url
        self._context = context
        self._fields = [(name.lower().encode(), value.encode()) for name, value in fields]
        self._speed = speed
        self._are_all = are_all
        self._limit = limit
        self._callers: dict[str, Caller] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self.report = LiveReport()

    async def send(self, capture: Capture) -> LiveReport:
        """All that may be sent; raises OSError where a file cannot be read."""
        began, first = time.monotonic(), None
        tasks: set[asyncio.Task[None]] = set()
        try:
            for request in capture:
                if reason := self._reason(request):
                    self.report.left_out[reason] += 1
                    continue
                at = _seconds(request.at)
                first = at if first is None else first
                if self._speed:
                    await asyncio.sleep(max(0.0, (at - first) / self._speed - (time.monotonic() - began)))
                await self._room.acquire()
                task = asyncio.create_task(self._one(request))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            while tasks:
                await asyncio.wait(tasks)
        finally:
            for caller in self._callers.values():
                caller.close()
        self.report.seconds = time.monotonic() - began
        return self.report

    def _reason(self, request: RecordedRequest) -> str:
        """Why it is not sent; empty: it is."""
        if request.method in NEVER_SENT or not (self._are_all or request.method in SAFE):
            return f"they are {request.method}"
        if HASHED in request.query or HASHED in request.path:
            return "their query was recorded as hashes"
        if request.body is not None and request.body.get("size") and "data" not in request.body:
            return "their body was not recorded"
        return ""

    async def _one(self, request: RecordedRequest) -> None:
        began = time.monotonic()
        try:
            answer = await self._caller(request.host).call(
                request.method.encode("latin-1", "replace"), self._sent(request), _body(request), _target(request)
            )
            became = str(answer.status)
        except CallError as error:
            became = error.cause
        except ValueError:
            became = "not_sendable"
        finally:
            self._room.release()
        report = self.report
        report.sent += 1
        if became != str(request.status):
            shown = f"{request.method} {request.host}{request.path}"
            safe = "".join(one if one.isprintable() else "?" for one in shown)[:200]
            report.changes.setdefault(f"{request.status} -> {became}", Counter())[safe] += 1
        if became.isdigit():
            report.before.append(request.milliseconds)
            report.now.append((time.monotonic() - began) * 1e3)

    def _caller(self, host: str) -> Caller:
        found = self._callers.get(host)
        if found is None:
            if len(self._callers) >= HOSTS_MOST:
                self._callers.pop(next(iter(self._callers))).close()
            member = AsMember(self._context, self._url.host, authority=host)
            found = self._callers[host] = Caller(self._url, self._limit, LARGEST, AT_ONCE, as_member=member)
        return found

    def _sent(self, request: RecordedRequest) -> list[tuple[bytes, bytes]]:
        own = {name for name, _ in self._fields}
        found = [
            (name.encode("latin-1", "replace"), value.encode())
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


def _seconds(at: str) -> float:
    try:
        return datetime.fromisoformat(at).timestamp()
    except ValueError:
        return 0.0


def live_lines(report: LiveReport, place: str) -> Iterator[str]:
    """The report for people."""
    yield f"{report.sent} requests sent to {place} in {report.seconds:.1f} s"
    for reason, count in report.left_out.most_common():
        yield f"! {count} not sent: {reason}"
    yield f"{report.sent - report.changed:8} answered as before"
    for what, examples in sorted(report.changes.items(), key=lambda one: -sum(one[1].values())):
        yield f"{sum(examples.values()):8} {what}"
        yield from (f"{'':10} {count} of {text}" for text, count in examples.most_common(3))
    if len(report.now) > 1:
        (half, most), (was_half, was_most) = _halves(report.now), _halves(report.before)
        yield f"median {half:.1f} ms, recorded {was_half:.1f}; 99 of 100 within {most:.1f} ms, recorded {was_most:.1f}"


def live_document(report: LiveReport) -> dict[str, Any]:
    """The same for tools; milliseconds."""
    times = {}
    if len(report.now) > 1:
        names = ("median", "p99")
        times = {
            "now": dict(zip(names, _halves(report.now), strict=True)),
            "recorded": dict(zip(names, _halves(report.before), strict=True)),
        }
    return {
        "sent": report.sent,
        "changed": report.changed,
        "left_out": dict(report.left_out),
        "changes": {what: dict(examples.most_common(3)) for what, examples in report.changes.items()},
        "milliseconds": times,
    }


def _halves(values: Sequence[float]) -> tuple[float, float]:
    found = quantiles(values, n=100, method="inclusive")
    return round(found[49], 3), round(found[98], 3)

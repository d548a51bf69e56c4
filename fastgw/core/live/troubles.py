"""What goes wrong at one endpoint, told once: a line when it begins, a reminder now and then, a line when it is over.

What an endpoint that dies shows first (``DYING``) is told ``SETTLE_SECONDS`` after it began, since it may turn out to be part of something
greater, which is told instead: an endpoint that cannot be reached is ejected (``live.members``), and forgets its troubles.

A service that is down fails hundreds of requests a second for one reason.  Its endpoint remembers each cause that has not been disproved
yet, and how often it struck; ``sweep`` says what is due.  So the log has the cause, the number and the time for each endpoint and
cause, in at most one line every ``REMIND_SECONDS``, and two more for every time that it changed its mind.
"""

from __future__ import annotations

from collections.abc import Callable

from fastgw.core.causes import CONNECTING
from fastgw.errors import GatewayError

#: Codes of what is first seen of an endpoint that dies.
DYING = frozenset({"connect_refused", "connect_timeout", "upstream_reset"})
SETTLE_SECONDS = 0.5  #: before one of them is told
REMIND_SECONDS = 30.0  #: between two lines about a cause that goes on
QUIET_SECONDS = 5.0  #: without a failure, after a success, before a cause is said to be over


class _Trouble:
    """One cause."""

    __slots__ = ("count", "fault", "last", "reason", "since", "told", "unsaid", "worked")

    def __init__(self, now: float) -> None:
        self.since = now
        self.last = now  #: when it struck last
        self.told: float | None = None  #: when the log had a line about it last
        self.count = 0
        self.unsaid = 0  #: how often it struck since
        self.worked: float | None = None  #: when it was first disproved since it struck last
        self.fault = ""
        self.reason = ""


class Troubles:
    """The causes that are not over at one endpoint; times are coarse loop time."""

    __slots__ = ("_by_code", "_fields", "_report")

    def __init__(self, service: str, endpoint: str, report: Callable[..., None], address: str = "") -> None:
        """``report``: called with a level, an event and its fields; ``address``: of an endpoint that is a name."""
        self._fields = {"service": service, "endpoint": endpoint}
        if address not in ("", endpoint):
            self._fields["address"] = address
        self._report = report
        self._by_code: dict[str, _Trouble] = {}

    def __len__(self) -> int:
        return len(self._by_code)

    def failed(self, error: GatewayError, now: float) -> None:
        """A request failed here, or a connection could not be opened."""
        trouble = self._by_code.get(error.code)
        if trouble is None:
            trouble = self._by_code[error.code] = _Trouble(now)
        elif trouble.told is not None:
            trouble.unsaid += 1
        trouble.count += 1
        trouble.last = now
        trouble.worked = None
        trouble.fault = error.fault
        trouble.reason = error.reason
        if error.code not in DYING:
            self.tell(now, SETTLE_SECONDS, error.code)

    def connected(self, now: float) -> None:
        """A connection was opened."""
        for code, trouble in self._by_code.items():
            if code in CONNECTING and trouble.worked is None:
                trouble.worked = now

    def answered(self, now: float) -> None:
        """A request was answered, completely."""
        for code, trouble in self._by_code.items():
            if code not in CONNECTING and trouble.worked is None:
                trouble.worked = now

    def tell(self, now: float, settled: float = 0.0, at_once: str = "") -> None:
        """Say what began ``settled`` seconds ago, or earlier, and was not told yet; ``at_once``: the code of one that is not waited for."""
        for code, trouble in self._by_code.items():
            if trouble.told is None and (code == at_once or now - trouble.since >= settled):
                self._say("warning", "an endpoint fails", code, fault=trouble.fault, detail=trouble.reason)
                trouble.told = now

    def sweep(self, now: float) -> bool:
        """Say what is due; False: nothing is wrong any more."""
        self.tell(now, SETTLE_SECONDS)
        for code, trouble in list(self._by_code.items()):
            if trouble.told is None:
                continue
            if trouble.worked is not None and now - trouble.last >= QUIET_SECONDS:
                del self._by_code[code]
                seconds = round(trouble.worked - trouble.since, 3)
                self._say("info", "an endpoint works again", code, failures=trouble.count, seconds=seconds)
            elif trouble.unsaid and now - trouble.told >= REMIND_SECONDS:
                seconds = round(now - trouble.since, 3)
                fields = {"fault": trouble.fault, "detail": trouble.reason, "failures": trouble.count}
                self._say("warning", "an endpoint still fails", code, **fields, seconds=seconds)
                trouble.told = now
                trouble.unsaid = 0
        return bool(self._by_code)

    def _say(self, level: str, event: str, code: str, **fields: object) -> None:
        self._report(level, event, **self._fields, cause=code, **fields)

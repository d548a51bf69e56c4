"""Which members are ejected, as the workers find it: told once for all of them, in the log and to the other workers.

A member is ejected while any worker has it ejected.  What the first one finds the others are told, so that each need not fail by itself;
when the first one has the member back the others are told to try it now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from fastgw.core.live.news import Finding
from fastgw.server.log import Log
from fastgw.server.standings import stamp

MemberName = tuple[str, str, str]  #: service, endpoint, address
Places = Mapping[tuple[str, str], Collection[str]]  #: the addresses of each endpoint, by service and endpoint


class _Ejected:
    """One member that is ejected."""

    __slots__ = ("began", "by_worker", "first")

    def __init__(self, finding: Finding, began: float) -> None:
        self.first = finding
        self.began = began  # monotonic
        self.by_worker: dict[int, Finding] = {}


class Findings:
    """What each worker found of the members that are ejected."""

    def __init__(self, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``clock``: seconds since 1970; ``monotonic``: the clock of ``Finding.until``."""
        self._clock = clock
        self._monotonic = monotonic
        self._ejected: dict[MemberName, _Ejected] = {}

    def learn(self, worker: int, findings: Iterable[Finding], known: Places, log: Log) -> list[Finding]:
        """Take the report of a worker, and log what is news; return what the others must be told.

        ``known``: the members of the configuration in use; a report of others is late.
        """
        news = []
        for one in findings:
            if one.address not in known.get((one.service, one.endpoint), ()):
                continue
            if self._back(worker, one, log) if one.is_up else self._eject(worker, one, log):
                news.append(one)
        return news

    def _eject(self, worker: int, finding: Finding, log: Log) -> bool:
        found = self._ejected.get(finding.member)
        is_news = found is None
        if found is None:
            now = self._monotonic()
            found = self._ejected[finding.member] = _Ejected(finding, now)
            log.warning(
                "an endpoint is ejected",
                **_fields(finding),
                cause=finding.cause,
                detail=finding.reason,
                seconds=round(max(0.0, finding.until - now), 3),
            )
        found.by_worker[worker] = finding
        return is_news

    def _back(self, worker: int, finding: Finding, log: Log) -> bool:
        found = self._ejected.get(finding.member)
        if found is None or found.by_worker.pop(worker, None) is None:
            return False
        if found.by_worker:
            return True
        del self._ejected[finding.member]
        log.info(
            "an endpoint is back",
            **_fields(finding),
            cause=found.first.cause,
            seconds=round(self._monotonic() - found.began, 3),
        )
        return False

    def forget(self, worker: int, log: Log) -> None:
        """The worker is gone for good, and with it what it found."""
        for found in [*self._ejected.values()]:
            self._back(worker, found.first, log)

    def retain(self, known: Places) -> None:
        """Keep what was found of these members."""
        self._ejected = {name: found for name, found in self._ejected.items() if name[2] in known.get(name[:2], ())}

    @property
    def now(self) -> tuple[Finding, ...]:
        """What a worker that begins is told, so that it need not find it again."""
        return tuple(next(iter(found.by_worker.values())) for found in self._ejected.values())

    def is_up(self, name: MemberName) -> bool:
        """Whether no worker has it ejected."""
        return name not in self._ejected

    def of(self, name: MemberName) -> dict[str, Any]:
        """For ``/status``, of one address."""
        found = self._ejected.get(name)
        if found is None:
            return {"state": "up", "ejected_by": 0, "since": None, "until": None, "cause": None, "error": None}
        last = max(found.by_worker.values(), key=lambda one: one.until)
        now, wall = self._monotonic(), self._clock()
        return {
            "state": "ejected",
            "ejected_by": len(found.by_worker),
            "since": stamp(wall - (now - found.began)),
            "until": stamp(wall + (last.until - now)),
            "cause": last.cause,
            "error": last.reason,
        }

    def of_endpoint(self, service: str, endpoint: str, addresses: Collection[str]) -> dict[str, Any]:
        """For ``/status``: up as long as one of its addresses is, else what is known of the one that was ejected last."""
        found = [self.of((service, endpoint, address)) for address in addresses]
        up = [one for one in found if one["state"] == "up"]
        if up or not found:
            return {**self.of((service, endpoint, "")), "state": "up" if up else "unresolved"}
        return max(found, key=lambda one: str(one["since"]))


def _fields(finding: Finding) -> dict[str, str]:
    """What the log calls a member."""
    fields = {"service": finding.service, "endpoint": finding.endpoint}
    return fields if finding.address == finding.endpoint else {**fields, "address": finding.address}

"""Which members are ejected and which breakers are open, as the workers find it: told once for all of them, in the log and to the others.

A member is ejected while any worker has it ejected, and a breaker open while any has it open.  What the first one finds the others are
told, so that each need not fail by itself; when the first one has the member back the others are told to try it now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from fastgw.config.spec import ServiceSpec
from fastgw.core.live.news import BREAKER, EJECTION, HEALTH, OUTLIER, PANIC, Answer, Finding
from fastgw.policy.breaker import CLOSED, HALF_OPEN, OPEN
from fastgw.server.log import Log
from fastgw.server.standings import stamp

MemberName = tuple[str, str, str]  #: service, endpoint, address
Places = Mapping[tuple[str, str], Collection[str]]  #: the addresses of each endpoint, by service and endpoint


#: What the log says of it, when it begins and when it is over.
_WORDS = {
    EJECTION: ("an endpoint is ejected", "an endpoint is back"),
    BREAKER: ("a breaker is open", "a breaker is closed again"),
    OUTLIER: ("an endpoint is left out", "an endpoint is in again"),
    PANIC: ("all endpoints of a service are asked, too few are well", "endpoints of a service are left out again"),
}


PROBE = -1  #: who found it, in the place of a worker


class _Out:
    """One member that is ejected, or one breaker that is open."""

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
        self._out: dict[tuple[str, str, str, str], _Out] = {}  # by ``Finding.about``

    def learn(self, worker: int, findings: Iterable[Finding], known: Places, log: Log) -> list[Finding]:
        """Take the report of a worker, and log what is news; return what the others must be told.

        ``known``: the members of the configuration in use; a report of others is late.
        """
        news = []
        for one in findings:
            if not _is_known(one.member, known):
                continue
            if self._back(worker, one, log) if one.is_up else self._eject(worker, one, log):
                news.append(one)
        return news

    def _eject(self, worker: int, finding: Finding, log: Log) -> bool:
        found = self._out.get(finding.about)
        is_news = found is None
        if found is None:
            now = self._monotonic()
            found = self._out[finding.about] = _Out(finding, now)
            log.warning(
                _WORDS[finding.kind][0],
                **_fields(finding),
                cause=finding.cause,
                detail=finding.reason,
                **({"seconds": round(max(0.0, finding.until - now), 3)} if finding.until else {}),
            )
        found.by_worker[worker] = finding
        return is_news

    def _back(self, worker: int, finding: Finding, log: Log) -> bool:
        found = self._out.get(finding.about)
        if found is None or found.by_worker.pop(worker, None) is None:
            return False
        if found.by_worker:
            return True
        del self._out[finding.about]
        log.info(
            _WORDS[finding.kind][1],
            **_fields(finding),
            cause=found.first.cause,
            seconds=round(self._monotonic() - found.began, 3),
        )
        return False

    def put(self, findings: Iterable[Finding]) -> None:
        """Take what no worker has found, but a probe, which has told the log itself."""
        for one in findings:
            self._out.pop(one.about, None)
            if not one.is_up:
                out = self._out[one.about] = _Out(one, self._monotonic())
                out.by_worker[PROBE] = one

    def forget(self, worker: int, log: Log) -> None:
        """The worker is gone for good, and with it what it found."""
        for found in [*self._out.values()]:
            self._back(worker, found.first, log)

    def retain(self, known: Places) -> None:
        """Keep what was found of these members."""
        self._out = {about: found for about, found in self._out.items() if _is_known(about[1:], known)}

    @property
    def now(self) -> tuple[Finding, ...]:
        """What a worker that begins is told, so that it need not find it again."""
        return tuple(next(iter(found.by_worker.values())) for found in self._out.values())

    def is_up(self, name: MemberName) -> bool:
        """Whether no worker has it ejected, or its breaker or that of its service open, and no probe has found it unhealthy."""
        of_all = (name[0], "", "")
        found = self._out
        return (BREAKER, *of_all) not in found and not any(
            (kind, *name) in found for kind in (EJECTION, HEALTH, BREAKER, OUTLIER)
        )

    def of(self, name: MemberName) -> dict[str, Any]:
        """For ``/status``, of one address."""
        found = self._out.get((EJECTION, *name)) or self._out.get((OUTLIER, *name))
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

    def breaker(self, service: str, endpoint: str = "", addresses: Collection[str] = ("",)) -> dict[str, Any]:
        """For ``/status``: the breaker of the service, or, of an endpoint, that of its addresses which will be tried last."""
        found = [one for address in addresses if (one := self._out.get((BREAKER, service, endpoint, address)))]
        if not found:
            return {"state": CLOSED, "open_in": 0, "since": None, "until": None, "reason": None}
        now, wall = self._monotonic(), self._clock()
        until, out = max(
            ((max(one.until for one in out.by_worker.values()), out) for out in found), key=lambda one: one[0]
        )
        last = max(out.by_worker.values(), key=lambda one: one.until)
        return {
            "state": OPEN if until > now else HALF_OPEN,
            "open_in": len(out.by_worker),
            "since": stamp(wall - (now - out.began)),
            "until": stamp(wall + (until - now)),
            "reason": last.reason,
        }

    def panic(self, service: str) -> dict[str, Any]:
        """For ``/status``: whether all members of the service are asked because too few are well."""
        found = self._out.get((PANIC, service, "", ""))
        if found is None:
            return {"state": "off", "panics_in": 0, "since": None, "reason": None}
        return {
            "state": "on",
            "panics_in": len(found.by_worker),
            "since": stamp(self._clock() - (self._monotonic() - found.began)),
            "reason": [*found.by_worker.values()][-1].reason,
        }

    def members_open(self, service: str) -> int:
        """How many members of the service have a breaker that some worker has open."""
        return sum(about[:2] == (BREAKER, service) and about[2] != "" for about in self._out)


def _is_known(member: tuple[str, ...], known: Places) -> bool:
    service, endpoint, address = member
    if not endpoint:
        return any(name == service for name, _ in known)
    return address in known.get((service, endpoint), ())


def _fields(finding: Finding) -> dict[str, str]:
    """What the log calls a member."""
    if not finding.endpoint:
        return {"service": finding.service}
    fields = {"service": finding.service, "endpoint": finding.endpoint}
    return fields if finding.address == finding.endpoint else {**fields, "address": finding.address}


def places_of(services: Iterable[ServiceSpec], answers: Mapping[str, Answer]) -> dict[tuple[str, str], tuple[str, ...]]:
    """The addresses of every endpoint, by service and endpoint; those of a name are in ``answers``, or it has none yet."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for service in services:
        for endpoint in service.members:
            address = endpoint.address
            name = str(address)
            if not address.is_name:
                found[service.name, name] = (name,)
                continue
            hosts = answers[address.host].addresses if address.host in answers else ()
            found[service.name, name] = tuple([str(address._replace(host=host)) for host in hosts])
    return found

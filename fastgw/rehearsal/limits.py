"""Limits of rates, held against the times at which requests came: which would have been refused, by each of two configurations.

What a limit refuses depends on all that came before, so all requests that meet one are led through it, in the order of their times, and
every one must have been recorded.  The rates are those of ``policy.gcra``, as in the filter ``rate_limit``; it is counted by what a record
has: the route, the listener, fields (equal hashes are equal values).  Limits by anything else, of amounts, or shared with other gateways,
and filters that only note, are left out.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from fastgw.config.chains import links
from fastgw.config.spec import RECORD, FilterSpec, GatewaySpec
from fastgw.policy.amounts import REQUESTS
from fastgw.policy.gcra import Rate
from fastgw.rehearsal.captures import RecordedRequest
from fastgw.rehearsal.recent import seconds_of
from fastgw.rehearsal.treatment import Way

RATE_LIMIT: Final = "fastgw.filters.rate_limit:RateLimit"
SEEN_MAX: Final = 500_000  #: requests
BUCKETS_MAX: Final = 100_000  #: of one configuration; keys beyond have none, and are let through
_SECOND: Final = 10**9
_KNOWN: Final = ("route", "listener", "filter")


class LimitChange(NamedTuple):
    """What a filter refuses, of the requests that meet it."""

    filter: str
    met: int
    before: int  #: refused by the configuration before
    after: int


class _Limit(NamedTuple):
    """One of a filter."""

    rate: Rate
    per: tuple[str, ...]


class _Side:
    """One configuration."""

    def __init__(self, spec: GatewaySpec) -> None:
        self._spec = spec
        self._limits = {one.name: _limits(one) for one in spec.filters if one.made_by == RATE_LIMIT}
        self._met: dict[tuple[str, str], tuple[str, ...]] = {}
        self._times: dict[Any, int] = {}
        self.refused: dict[str, int] = {}
        self.met: dict[str, int] = {}

    def keys(self, request: RecordedRequest, way: Way) -> tuple[tuple[str, tuple[Any, ...]], ...]:
        """The filters that ``request`` meets, each with the key of each of its limits."""
        listener, route = way.listener, way.route
        if listener is None or not self._limits:
            return ()
        place = (listener.name, route.name if route is not None else "")
        names = self._met.get(place)
        if names is None:
            chain = (link.name for link in links(self._spec, listener, route))
            names = self._met[place] = tuple(name for name in chain if self._limits.get(name))
        return tuple((name, tuple(_key(one.per, request, place) for one in self._limits[name])) for name in names)

    def lead(self, keys: tuple[tuple[str, tuple[Any, ...]], ...], now: int) -> None:
        """A request comes at ``now``, nanoseconds; the first filter that refuses it is the last that it meets."""
        for name, found in keys:
            self.met[name] = self.met.get(name, 0) + 1
            buckets = [(name, place, key) for place, key in enumerate(found)]
            times = [self._times.get(bucket, 0) for bucket in buckets]
            pairs = list(zip(self._limits[name], times, strict=True))
            if any(one.rate.wait(time, now) for one, time in pairs):
                self.refused[name] = self.refused.get(name, 0) + 1
                return
            for bucket, (one, time) in zip(buckets, pairs, strict=True):
                if bucket in self._times or len(self._times) < BUCKETS_MAX:
                    self._times[bucket] = one.rate.charged(time, now)


class LimitTrial:
    """Both configurations."""

    def __init__(self, old: GatewaySpec, new: GatewaySpec) -> None:
        self._sides = _Side(old), _Side(new)
        self._seen: list[tuple[float, tuple[Any, Any]]] = []
        self._filters = {one.name for spec in (old, new) for one in spec.filters if one.made_by == RATE_LIMIT}
        shares = [float(dict(one.options)["sample"]) for one in old.filters if one.made_by == RECORD]  # type: ignore[arg-type]
        share = min(shares, default=0.0)
        self.why_not = "" if share == 1 else f"{share * 100:g} % of the requests were recorded"
        if not shares:
            self.why_not = "the configuration before records none, so nobody knows whether these are all"
        self._has_others = False

    def see(self, request: RecordedRequest, before: Way, found: Way, lines: tuple[str, ...]) -> None:
        """One that takes these ways, where this is different."""
        if not self._filters:
            return
        self._has_others = self._has_others or any(
            line.startswith(f"filter {name}:") for line in lines for name in self._filters
        )
        refused_before = request.code and request.status != 429 and 400 <= request.status < 500
        if self.why_not or refused_before or len(self._seen) >= SEEN_MAX:
            return
        keys = self._sides[0].keys(request, before), self._sides[1].keys(request, found)
        if not any(keys):
            return
        try:
            self._seen.append((seconds_of(request.at), keys))
        except ValueError:
            return

    @property
    def unknown(self) -> str:
        """Why nobody can say what limits that are others refuse; empty: it is said, or none is another."""
        return self.why_not if self._has_others else ""

    def changes(self) -> list[LimitChange]:
        """The filters that refuse another number of requests."""
        self._seen.sort(key=lambda one: one[0])
        for at, keys in self._seen:
            now = int((at - self._seen[0][0]) * _SECOND) + 1
            for side, found in zip(self._sides, keys, strict=True):
                side.lead(found, now)
        old, new = self._sides
        found_all = [
            LimitChange(
                name,
                max(old.met.get(name, 0), new.met.get(name, 0)),
                *(one.refused.get(name, 0) for one in self._sides),
            )
            for name in sorted(self._filters)
        ]
        return [one for one in found_all if one.before != one.after]


def _limits(spec: FilterSpec) -> tuple[_Limit, ...]:
    """Those that can be tried; none of a filter that only notes, or shares its limits."""
    options: dict[str, Any] = dict(spec.options)
    if options["dry_run"] or options["cluster"] is not None:
        return ()
    found = []
    for one in map(dict, options["limits"]):
        per = (one["per"],) if isinstance(one["per"], str) else tuple(one["per"])
        if one["unit"] == REQUESTS and all(source in _KNOWN or source.startswith("header:") for source in per):
            count, period = one["rate"]
            found.append(_Limit(Rate(count, int(period * _SECOND), one["burst"] or count), per))
    return tuple(found)


def _key(per: tuple[str, ...], request: RecordedRequest, place: tuple[str, str]) -> tuple[str, ...]:
    known = {"listener": place[0], "route": place[1], "filter": ""}
    return tuple(known[one] if one in known else request.values.get(one.partition(":")[2].lower(), "") for one in per)

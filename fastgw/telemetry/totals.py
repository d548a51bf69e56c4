"""Sums over the counter slabs of all workers, of which ``/status`` and ``/metrics`` are made: they tell one story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from fastgw.core.blocks import Block
from fastgw.core.counters import BRIDGE, ENDPOINT, FILTER, GLOBAL, KEY, LIMIT, MODEL, ROUTE, SERVICE
from fastgw.core.exemplars import Exemplar

Values = Sequence[int] | memoryview
EndpointName = tuple[str, str]  #: service, address
MeteredName = tuple[str, str]  #: service, model
K = TypeVar("K")

#: States of a dependency; one is quiet that nobody has asked, or that only requests ask of which none has failed for a minute.
CONNECTED, QUIET, DOUBTED, FAILING, PENDING = "connected", "quiet", "doubted", "failing", "pending"
OTHER = "other"  #: stands for all names that found no slot of their own


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """One worker process, as the supervisor knows it."""

    index: int
    pid: int
    state: str
    restarts: int
    rss: int  #: bytes
    generation: int
    lag: float = 0.0  #: seconds by which its loop was late at the last sweep, or is now
    silence: float = 0.0  #: seconds since its last sweep
    processor: int | None = None  #: that it is pinned to
    stalls: int = 0  #: how often it gave no sign of life
    quick_deaths: int = 0  #: how often in a row it died as soon as it was started
    last_end: str = ""  #: how the process before ended
    counts: Sequence[int] = ()  #: its GLOBAL block


@dataclass(frozen=True, slots=True)
class NameFacts:
    """The host name of endpoints, as the supervisor looks it up."""

    name: str
    addresses: Sequence[str]  #: the last good ones
    age: float | None  #: seconds since they were found; None: never
    look_ups: int
    failures: int
    cause: str = ""  #: why the last look-up failed; empty: it did not
    detail: str = ""
    is_recalled: bool = False  #: they were found before this process began


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """The addresses of one endpoint: itself, or those that its name has."""

    addresses: int
    ejected: int  #: by any worker

    @property
    def is_up(self) -> bool:
        """Whether any of them is."""
        return self.ejected < self.addresses


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """What probes have found of one endpoint."""

    healthy: int  #: addresses
    good: int  #: probes
    bad: int


@dataclass(frozen=True, slots=True)
class BoardFacts:
    """One table of the board."""

    used: int  #: cells that are held now
    capacity: int


@dataclass(frozen=True, slots=True)
class KeySetFacts:
    """A set of keys that the supervisor fetches."""

    url: str
    keys: int  #: that are in use
    age: float | None  #: seconds since they were fetched; None: never
    fetches: int
    failures: int
    cause: str = ""  #: why they were not fetched the last time; empty: they were
    detail: str = ""
    is_recalled: bool = False  #: they were fetched before this process began


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """A source that members of a service are listed by."""

    service: str
    kind: str  #: "etcd", "file", ...
    place: str  #: of that kind, for people
    state: str  #: "pending", "listed", "doubted" or "failing"
    members: int | None  #: that are believed; None: nothing was listed yet
    age: float | None  #: seconds since the last list; None: there was none
    listings: int
    changes: int  #: of the members
    failures: int
    skipped: tuple[tuple[str, str], ...]  #: entries of the last list that are no members, and why
    damped: tuple[str, ...]  #: addresses of members that are left out because they come and go
    since: float  #: seconds for which it has been in that state
    changed: float | None  #: seconds since the members were others; None: they never were
    is_recalled: bool = False  #: its members were listed before this process began
    revision: str = ""
    cause: str = ""  #: why it fails, or is doubted
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RegistrationFacts:
    """A registry that the gateway registers members in."""

    kind: str  #: "etcd" or "consul"
    place: str  #: for people
    state: str  #: "pending", "registered" or "failing"
    wanted: int  #: members that are to be there
    there: int  #: that are, as far as is known
    members: Sequence[str]  #: those, as SERVICE/ADDRESS
    renewed: float | None  #: seconds since it was, the last time; None: never
    errors: int  #: questions without an answer
    losses: int  #: times that what was there was gone
    failing: float = 0.0  #: seconds for which it fails
    left_out: int = 0  #: members beyond those that may be registered
    cause: str = ""  #: why it fails
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """A Redis by which limits are shared."""

    redis: str
    is_up: bool
    since: float  #: seconds since 1970 for which that has been so; 0: it was not tried yet
    questions: Mapping[str, int]  #: by their outcome
    tokens: int  #: that were granted
    failures: Mapping[str, int]  #: of the link, by their cause
    cause: str = ""  #: why it is not up
    detail: str = ""
    age: float | None = None  #: seconds since it could be asked; None: it never could


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """One process of the gateway, as the kernel knows it."""

    name: str  #: "supervisor", or the index of a worker
    cpu: float  #: seconds, user and system
    resident: int  #: bytes
    virtual: int
    started: float  #: seconds since 1970
    open_files: int | None  #: descriptors; None: it may not be seen
    max_files: int | None


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """A certificate that a listener shows."""

    listener: str
    file: str
    ends: float  #: when it stops being valid, seconds since 1970


@dataclass(frozen=True, slots=True)
class WatchFacts:
    """The files whose changes lead to reloads."""

    files: int
    by: str  #: who tells of changes: ``inotify``, or ``poll`` where that does not know of all
    reloads: int


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """What is sent to a collector."""

    url: str
    is_up: bool  #: it has taken what was sent last, or nothing was sent yet
    since: float  #: seconds since 1970 for which that has been so; 0: nothing was sent yet
    exported: Mapping[str, int]  #: spans and the like, by signal
    dropped: Mapping[tuple[str, str], int]  #: the same that nobody will ever see, by signal and cause
    queued: int  #: bytes that wait
    queue: int  #: that may wait
    cause: str = ""  #: why it is not up
    detail: str = ""
    age: float | None = None  #: seconds since it took anything; None: it never has


@dataclass(frozen=True, slots=True)
class DependencyFacts:
    """Something that the gateway depends on beside its services."""

    kind: str  #: as ``fastgw doctor`` calls it: "etcd", "keys", "redis" ...
    name: str  #: for people
    state: str  #: ``CONNECTED``, ``QUIET``, ``DOUBTED``, ``FAILING`` or ``PENDING``
    age: float | None  #: seconds since what is used was true for sure; None: it has told nothing, or nobody knows
    goes_on: str  #: what the gateway has of it, for people
    cause: str = ""  #: why it is not connected, in a word
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FleetFacts:
    """What the gateway is in its fleet."""

    key: str  #: of the fleet
    state: str
    generation: int  #: that it serves; 0: none of etcd's
    promoted: int | None  #: None: nothing was heard of it
    contact_age: float  #: seconds since etcd has answered
    nodes: int | None
    coordinates: bool


@dataclass(frozen=True, slots=True)
class ForecastFacts:
    """What one service is expected to be asked for."""

    service: str
    signal: str  #: "requests" a second, or "active" exchanges
    hours: int  #: that are looked ahead
    expected: float  #: the most of them
    high: float  #: the highest end of an interval of them


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known beside the counters."""

    version: str
    is_compiled: bool
    generation: int
    uptime: float  #: seconds
    is_draining: bool
    reloads: Mapping[str, int]  #: how many ended "ok", "refused" and "went_back"
    is_last_reload_ok: bool
    last_reload: float  #: when the configuration was last loaded or refused, seconds since 1970
    workers: Sequence[WorkerFacts] = ()
    names: Sequence[NameFacts] = ()
    key_sets: Sequence[KeySetFacts] = ()
    links: Sequence[LinkFacts] = ()
    sources: Sequence[SourceFacts] = ()
    registrations: Sequence[RegistrationFacts] = ()
    processes: Sequence[ProcessFacts] = ()
    exemplars: Mapping[str, Sequence[Exemplar]] = field(default_factory=dict)  #: by the name of their route
    certificates: Sequence[CertificateFacts] = ()  #: those that say when they end
    export: ExportFacts | None = None  #: None: there is no collector
    watch: WatchFacts | None = None  #: None: no files were ever watched
    fleet: FleetFacts | None = None  #: None: it is of none
    members: Mapping[EndpointName, MemberFacts] = field(default_factory=dict)
    versions: Mapping[tuple[str, str], float] = field(default_factory=dict)  #: shares, 0 to 1, by service and version
    board: Mapping[str, BoardFacts] = field(default_factory=dict)  #: by table
    health: Mapping[EndpointName, HealthFacts] = field(default_factory=dict)  #: of those that are probed
    limits: Mapping[str, int] = field(default_factory=dict)  #: places of services that have so many, by name
    panics: Mapping[str, bool] = field(default_factory=dict)  #: are all members asked? of services that may, by name
    forecasts: Sequence[ForecastFacts] = ()
    dependencies: Sequence[DependencyFacts] = ()
    expected: Mapping[str, float] = field(default_factory=dict)  #: exchanges under way that are followed, by service


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums; blocks are lists of integers in the order of ``core.counters``."""

    globals: list[int]
    routes: dict[str, list[int]] = field(default_factory=dict)
    services: dict[str, list[int]] = field(default_factory=dict)
    endpoints: dict[EndpointName, list[int]] = field(default_factory=dict)
    filters: dict[str, list[int]] = field(default_factory=dict)
    models: dict[MeteredName, list[int]] = field(default_factory=dict)
    limits: dict[tuple[str, str], list[int]] = field(default_factory=dict)  #: by filter and limit
    bridge: list[int] = field(default_factory=list)  #: of connections to brokers of MQTT
    keys: dict[str, list[int]] = field(default_factory=dict)


def total(
    slabs: Sequence[Values],
    routes: Mapping[str, int],
    services: Mapping[str, int],
    endpoints: Mapping[EndpointName, int],
    filters: Mapping[str, int],
    models: Mapping[MeteredName, int] | None = None,
    limits: Mapping[tuple[str, str], int] | None = None,
    keys: Mapping[str, int] | None = None,
) -> Totals:
    """Add up ``slabs``.  ``routes``, ``services``, ``endpoints``, ``filters``, ``models``, ``limits``, ``keys``: names of the
    configuration and their slots; nothing else is read.

    Names that share the last slot, because all others are taken, are told as one, ``other``.
    """
    return Totals(
        _sum(slabs, GLOBAL, 0),
        _sums(slabs, ROUTE, routes, OTHER),
        _sums(slabs, SERVICE, services, OTHER),
        _sums(slabs, ENDPOINT, endpoints, (OTHER, OTHER)),
        _sums(slabs, FILTER, filters, OTHER),
        _sums(slabs, MODEL, models or {}, (OTHER, OTHER)),
        _sums(slabs, LIMIT, limits or {}, (OTHER, OTHER)),
        _sum(slabs, BRIDGE, 0),
        _sums(slabs, KEY, keys or {}, OTHER),
    )


def _sums(slabs: Sequence[Values], block: Block, slots: Mapping[K, int], other: K) -> dict[K, list[int]]:
    named = {other if slot == block.count - 1 else name: slot for name, slot in slots.items()}
    return {name: _sum(slabs, block, slot) for name, slot in named.items()}


def _sum(slabs: Sequence[Values], block: Block, slot: int) -> list[int]:
    blocks = [slab[block.base(slot) : block.base(slot + 1)] for slab in slabs]
    return [sum(column) for column in zip(*blocks, strict=True)] if blocks else [0] * block.size

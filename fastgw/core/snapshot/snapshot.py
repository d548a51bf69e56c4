"""What a worker knows of its configuration: immutable, compiled, replaced whole.

A snapshot is built by ``config.compile`` from the validated configuration and installed by swapping one reference.  Every exchange
pins the snapshot's objects it began with (its listener, route and service), so a reload never changes an exchange under way.
Live things (endpoints with their pools) are not part of it: they are kept by key in ``core.live.registry`` and only referred to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastgw.core.counters import ROUTE, SERVICE
from fastgw.core.snapshot.chain import Chain, Named
from fastgw.core.snapshot.credentials import credentials_of
from fastgw.core.snapshot.fallbacks import Fallbacks, allowed
from fastgw.routing import ByName, Router, Split
from fastgw.wire.fields import REQUEST_FIELDS, TRUSTED_REQUEST_FIELDS, FieldTable
from fastgw.wire.methods import IDEMPOTENT, served
from fastgw.wire.request import RequestReader

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from fastgw.core.live.gate import GateTerms
    from fastgw.core.live.listed import MemberTemplate
    from fastgw.core.live.members import Members
    from fastgw.core.live.news import MemberNews
    from fastgw.core.live.registry import Registry, Roster
    from fastgw.core.live.roles import Breakers, Judge, Outliers
    from fastgw.core.settings import HedgeSettings, ListenerSettings, RouteSettings, ServiceSettings
    from fastgw.core.snapshot.roles import Admitting, Balancer, Chooser, Copier, Destination, Mind, Sending, Witness
    from fastgw.routing.pattern import Pattern

HELD_MAX = 64 * 1024  #: bytes of a request body that wait for a connection or a hook where ``body_buffer`` is 0
PIPELINE_BYTES = 64 * 1024  #: bytes read ahead of the exchange in progress, after which reading pauses


class Service:
    """A named set of endpoints with one policy."""

    __slots__ = (
        "balancer",
        "base",
        "breaking",
        "credentials",
        "fallback",
        "gate",
        "host",
        "judge",
        "keeps",
        "keeps_host",
        "keeps_post",
        "members",
        "minds",
        "name",
        "outlying",
        "pick_for",
        "resends",
        "roster",
        "settings",
        "slot",
        "subsets",
        "takes_chunks",
        "template",
        "terms",
        "times",
        "witness",
    )

    def __init__(
        self,
        name: str,
        members: Members,
        roster: Roster,
        balancer: Balancer,
        settings: ServiceSettings,
        slot: int = 0,
        *,
        takes_chunks: bool = True,
        pick_for: Callable[[Sequence[Any], Any], Any] | None = None,
        subsets: Any = None,
        judge: Judge | None = None,
        minds: tuple[Mind, ...] | None = None,
        times: Sending | None = None,
        witness: Witness | None = None,
        gate: Admitting | None = None,
        breaking: Breakers | None = None,
        outlying: Outliers | None = None,
        terms: GateTerms | None = None,
        template: MemberTemplate | None = None,
    ) -> None:
        """``members``: the live ones, which become those of ``roster`` when the snapshot is installed; ``slot``: its block of counters;
        ``takes_chunks``: its pools do; ``pick_for``: the candidate for an exchange, of a
        balancer that asks for more than ``pick``; ``judge``: what its members ask how tries end; ``minds``: what may be done about an
        answer other than passing it on; ``gate``: what admits its requests, by ``terms``; ``times``: what is done with every request that
        is sent; ``witness``: who is told of their tries; ``breaking`` and ``outlying``: two of the judges; ``template``: what is said of
        members that are listed elsewhere."""
        self.name = name
        self.slot = slot
        self.base = SERVICE.base(slot)
        self.members = members
        self.roster = roster
        self.balancer = balancer
        self.settings = settings
        self.keeps_host = settings.host == "preserve"
        self.takes_chunks = takes_chunks  #: see ``Pool``
        self.judge = judge
        self.times = times  #: None: nothing
        self.witness = witness  #: None: nobody
        self.minds = minds  #: asked in this order when the head of an answer has come; None: every answer is passed on
        self.gate = gate  #: None: all are admitted at once
        self.terms = terms
        self.template = template  #: None: all its members are in the configuration
        self.fallback: Any = None  #: what answers where this one cannot (``exchange.fallback``); None: nothing does
        self.breaking = breaking
        self.outlying = outlying
        #: Methods of requests that may be sent again; None: only those that were not sent are.
        #: What is in this process takes a body once.
        self.resends = None if any(key.address.is_here for key, _ in roster) else _resends(settings)
        self.keeps = _keeps(self.resends, settings.hedge)  #: methods of requests whose bodies are kept; None: of none
        self.keeps_post = self.keeps is not None and b"POST" in self.keeps
        self.pick_for = pick_for  #: None: ``balancer`` picks
        self.subsets = subsets  #: ``policy.subsets``, which pick in the place of both; None: all members are alike
        self.credentials = credentials_of(settings)
        self.host = b"" if settings.host in ("preserve", "endpoint") else settings.host.encode("latin-1")

    def without_retries(self) -> Service:
        """This service, asked once for each request, and only if it has room for it now; its answers are passed on as they are, and nothing
        is in its place."""
        once = self.settings.retry._replace(attempts=1, on=(), grpc_statuses=())
        found = self._alike(self.settings._replace(retry=once, hedge=None))
        found.gate = self.gate.for_copies() if self.gate is not None else None
        return found

    def beside(self) -> Service:
        """This service as a second try of an exchange asks it: without a place, and nothing is done about the answer."""
        found = self._alike(self.settings)
        found.times, found.witness = self.times, self.witness
        return found

    def standing_in(self, mark: Mind, fallback: Any) -> Service:
        """This service as it answers in the place of another, with ``fallback`` in its own; ``mark``: what says so in its answers."""
        found = self._alike(self.settings)
        found.gate = self.gate
        found.times, found.witness = self.times, self.witness
        found.minds = (mark, *self._own_minds)
        found.fall_back(fallback)
        return found

    def falling_back(self, fallback: Any) -> Service:
        """This service with ``fallback`` in the place of its own, for which bodies of POST are kept."""
        found = self._alike(self.settings)
        found.gate = self.gate
        found.times, found.witness = self.times, self.witness
        found.minds = self._own_minds or None
        found.fall_back(fallback)
        found.keep_posts()
        return found

    def keep_posts(self) -> None:
        """Have bodies of POST kept until there is an answer, up to ``retry.max_body``."""
        self.keeps = (self.keeps or frozenset()) | {b"POST"}
        self.keeps_post = True

    @property
    def _own_minds(self) -> tuple[Mind, ...]:
        """Its ``minds`` without that of its fallback."""
        minds = self.minds or ()
        return minds if self.fallback is None else tuple(one for one in minds if one != self.fallback.takes_answer)

    def fall_back(self, fallback: Any) -> None:
        """Have ``fallback`` (None: nothing) answer where this service cannot; the last that is said of it."""
        self.fallback = fallback
        if fallback is not None and fallback.minds_answers:
            self.minds = (*(self.minds or ()), fallback.takes_answer)

    def minded(self, mind: Mind) -> Service:
        """This service with one ``mind`` more, in front of the others."""
        found = self._alike(self.settings)
        found.minds = (mind, *(self.minds or ()))
        found.fallback, found.gate = self.fallback, self.gate
        found.times, found.witness = self.times, self.witness
        return found

    def _alike(self, settings: ServiceSettings) -> Service:
        return Service(
            self.name,
            self.members,
            self.roster,
            self.balancer,
            settings,
            self.slot,
            takes_chunks=self.takes_chunks,
            pick_for=self.pick_for,
            subsets=self.subsets,
            judge=self.judge,
            breaking=self.breaking,
            outlying=self.outlying,
        )

    @property
    def services(self) -> tuple[Service, ...]:
        """See ``Destination``: itself."""
        return (self,)

    def choose(self, _: Any) -> Service:
        """See ``Destination``: itself, for every exchange."""
        return self

    def changes(self, former: Service) -> bool:
        """Whether ``install`` does anything to live members that are as ``former``, of the same name, has left them."""
        return (
            self.terms is not None
            or self.judge is not former.judge
            or self.breaking is not former.breaking
            or self.outlying is not former.outlying
            or self.members is not former.members
            or self.settings != former.settings
            or self.roster != former.roster
        )

    def take_list(self, members: Iterable[MemberNews]) -> None:
        """Have these members from the next ``install`` on, beside those of the configuration.  Only where there is a ``template``."""
        assert self.template is not None
        self.roster = self.template.roster(members)

    def install(self, registry: Registry) -> None:
        """Let the live members be as this configuration, and what is known of its names, say."""
        self.members.judge = self.judge
        self.members.take_breaking(self.breaking)
        self.members.take_outlying(self.outlying)
        self.members.panic_below = self.settings.panic_below
        registry.update(self.members, self.roster, self.settings.ejection)
        if self.terms is not None:
            self.gate.apply(self.terms, self.base)  # type: ignore[union-attr]  # there are no terms without a gate


def _networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    if not texts:
        return ()
    from ipaddress import ip_network  # 200 KiB, which a worker without networks does not need

    return tuple([ip_network(one) for one in texts])


def _resends(settings: ServiceSettings) -> frozenset[bytes] | None:
    retry = settings.retry
    if not retry.is_of_sent:
        return None
    return frozenset(one.encode() for one in retry.methods) or IDEMPOTENT


def _keeps(resends: frozenset[bytes] | None, hedge: HedgeSettings | None) -> frozenset[bytes] | None:
    """Bodies are kept for another try, and for one beside the first."""
    return resends if hedge is None else hedge.sends_twice | (resends or frozenset())


class Route:
    """What happens to the requests one rule matches: hooks, then a service, within limits.

    What many requests ask for stands here beside the settings: one look-up less.
    """

    __slots__ = (
        "answer_timeout",
        "base",
        "body_buffer",
        "body_held_max",
        "body_wait",
        "by_name",
        "cache",
        "chain",
        "max_body",
        "mirror",
        "name",
        "pattern",
        "service",
        "settings",
        "slot",
        "split",
        "stream_idle_timeout",
        "timeout",
        "upgrades",
        "versions",
        "wants_data",
    )

    def __init__(
        self,
        name: str,
        slot: int,
        settings: RouteSettings,
        service: Destination | None = None,
        split: Split[Destination] | None = None,
        chain: Chain | None = None,
        mirror: Copier | None = None,
        by_name: ByName[Destination] | None = None,
        pattern: Pattern | None = None,
        cache: Chooser | None = None,
    ) -> None:
        """With neither ``service``, ``split`` nor ``by_name`` it is a listener's fallback, which answers 404 or 405.

        Args:
            name: for metrics, logs and ``fastgw route``.
            slot: its block of counters.
            settings: what its configuration says.
            service: where requests go, or
            split: between which services they are divided.
            chain: its filters.
            mirror: where copies of its requests go.
            by_name: of which services requests name one.
            cache: what may answer in their place.
            pattern: of its path, for whoever asks what the parameters in it are.
        """
        self.name = name
        self.slot = slot
        self.base = ROUTE.base(slot)
        self.settings = settings
        is_plain = isinstance(service, Service) and cache is None
        self.service: Any = service if is_plain else None  #: what all requests are for, with nothing to be asked before
        self.versions = None if is_plain else service
        self.cache = cache
        self.split = split
        self.by_name = by_name
        self.pattern = pattern
        self.chain = chain if chain is not None else Chain()
        self.mirror = mirror
        #: Some service of it takes no chunks, or a filter may want to see it, so the body of a request is handed over as data alone.
        self.wants_data = (
            bool(self.chain.request_body) or not self._takes_chunks or getattr(service, "reads_bodies", False)
        )
        self.max_body = settings.max_body
        self.body_buffer = settings.body_buffer
        self.body_held_max = settings.body_buffer or HELD_MAX
        self.body_wait = settings.body_wait
        self.timeout = settings.timeout
        self.answer_timeout = settings.answer_timeout
        self.stream_idle_timeout = settings.stream_idle_timeout
        self.upgrades = frozenset(one.encode() for one in settings.upgrades)

    @property
    def services(self) -> Sequence[Service]:
        """Where requests, and copies of them, may go; empty of a listener's fallback."""
        one = self.service or self.versions
        several = self.split or self.by_name
        named = (one,) if one is not None else several.choices if several is not None else ()
        main = tuple(service for found in named for service in found.services)
        return main if self.mirror is None else (*main, *self.mirror.services)

    @property
    def _takes_chunks(self) -> bool:
        """Whether every service that a request may come to does, those in the place of others included."""
        known = [*self.services]
        for one in known:
            if one.fallback is not None:
                known.extend(one.fallback.services)
        return all(one.takes_chunks for one in known) and (self.cache is None or not self.cache.takes_bodies)

    def in_format(self, errors: str) -> Route:
        """A fallback route like this one that tells its errors in another format."""
        return Route(self.name, self.slot, self.settings._replace(errors=errors), chain=self.chain)


class Listener:
    """One address that accepts requests, with the routes as seen from it."""

    __slots__ = (
        "allow",
        "before",
        "body_memory",
        "drop_headers",
        "fallbacks",
        "half_close",
        "head_size",
        "head_timeout",
        "idle_timeout",
        "limits",
        "matcher",
        "name",
        "pipeline_bytes",
        "plain",
        "protocols",
        "reader",
        "router",
        "scheme",
        "table",
        "timeouts",
        "trusted",
        "trusted_table",
        "write_timeout",
    )

    def __init__(
        self,
        name: str,
        router: Router[Route],
        fallbacks: Fallbacks[Route],
        settings: ListenerSettings,
        scheme: bytes = b"http",
    ) -> None:
        """``fallbacks``: the routes of requests that no rule matches, whose errors have the format of the routes they are nearest to."""
        self.name = name
        self.router = router
        self.fallbacks = fallbacks
        self.scheme = scheme
        chain = fallbacks.first.chain
        self.before = chain.request[: chain.begin] or None  #: hooks that run before a route is looked for
        self.timeouts = timeouts = settings.timeouts
        self.limits = limits = settings.limits
        self.trusted = _networks(settings.trusted_proxies)
        self.drop_headers = drop_headers = frozenset(one.encode() for one in settings.drop_headers)
        self.half_close = settings.half_close
        self.protocols = settings.protocols
        self.body_memory = limits.body_memory
        self.head_size = limits.head_size  # what every request asks for stands here once more: one look-up less
        self.pipeline_bytes = PIPELINE_BYTES
        self.plain = router.plain
        self.matcher = router.matcher
        self.head_timeout = timeouts.head
        self.write_timeout = timeouts.write
        self.idle_timeout = timeouts.idle or float("inf")
        kinds = {rule.methods for rule in router.rules}  # few, whatever the number of routes
        methods = served(method for kind in kinds for method in kind)
        self.reader = RequestReader(limits.head_count, limits.uri_length, methods)
        self.allow = allowed(router, methods)
        self.table = FieldTable(REQUEST_FIELDS, drop_headers)
        self.trusted_table = FieldTable(TRUSTED_REQUEST_FIELDS, drop_headers)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One generation of the configuration, as a worker uses it."""

    generation: int
    listeners: dict[str, Listener]
    services: tuple[Service, ...] = ()
    filters: tuple[Named, ...] = ()  #: every filter some chain has, once: those with ``start`` and ``stop`` are told
    inside: tuple[
        Any, ...
    ] = ()  #: what services in this process are made of: opened before it is prepared, and told ``stop``
    versions: tuple[Any, ...] = ()  #: of services that have some (``snapshot.versions``): their shares can be changed

    def take_lists(self, lists: Mapping[str, tuple[MemberNews, ...]]) -> list[Service]:
        """Have the services whose members were listed take them; return those, which are to be installed anew."""
        found = [one for one in self.services if one.template is not None and one.name in lists]
        for one in found:
            one.take_list(lists[one.name])
        return found

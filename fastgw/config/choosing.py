"""How a service chooses an endpoint: balancers, and what stands around them, made of its specification in a worker.

What few configurations use is imported where it is made: other workers are smaller without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from fastgw.config.spec import ServiceSpec, SubsetSpec
from fastgw.policy.balancers import LeastRequest, Random, RoundRobin

if TYPE_CHECKING:
    from fastgw.core.live.members import Members
    from fastgw.filters.affinity import AffinityCookie, PickFor
    from fastgw.policy.hashing import ByKey
    from fastgw.policy.newcomers import Arrivals, Newcomers
    from fastgw.policy.subsets import Subsets

Chance = Callable[[], float]  #: numbers of [0, 1)


def chosen(spec: ServiceSpec, members: Members, random: Chance, zone: str = "") -> dict[str, Any]:
    """How an endpoint is chosen, as ``core.snapshot.Service`` takes it; ``zone``: of this gateway."""
    balancer, pick_for = _chooser(spec, members, random)
    subsets = None if spec.subset is None else _subsets(spec, spec.subset, members, random, zone, balancer)
    pick_for = _around(spec, members, random, zone, balancer, pick_for)
    if spec.model_lists is not None:
        from fastgw.core.models.having import by_model

        make = _maker(spec, random, zone, balancer)
        pick_for = by_model(spec.name, members, make, pick_for or _by(balancer))
    return {
        "balancer": balancer,
        "pick_for": pick_for,
        "subsets": subsets,
    }


def _subsets(
    spec: ServiceSpec, subset: SubsetSpec, members: Members, random: Chance, zone: str, balancer: Any
) -> Subsets:
    from fastgw.filters.variables import Template
    from fastgw.policy.subsets import Subsets

    fills = tuple([Template(parts).fill for _, parts in subset.match])
    make = _maker(spec, random, zone, balancer)
    keys = tuple([key for key, _ in subset.match])
    is_any = subset.otherwise == "any"
    return Subsets(keys, lambda exchange: tuple([fill(exchange) for fill in fills]), members, make, is_any=is_any)


def _maker(spec: ServiceSpec, random: Chance, zone: str, balancer: Any) -> Callable[[Any], PickFor]:
    """What makes what picks among some of the members: each chooses for itself, but what learns must learn of all."""

    def make(some: Any) -> PickFor:
        own, pick_for = (balancer, None) if hasattr(balancer, "settle") else _chooser(spec, some, random)
        return _around(spec, some, random, zone, own, pick_for) or _by(own)

    return make


def _around(
    spec: ServiceSpec, members: Any, random: Chance, zone: str, balancer: Any, pick_for: PickFor | None
) -> PickFor | None:
    """What stands around a balancer; None: nothing does."""
    if spec.slow_start:
        pick_for = _slowly(spec, members, random, balancer)
    if zone and (spec.discovery is not None or any(one.zone == zone for one in spec.endpoints)):
        pick_for = _near(zone, spec.spill_below, members, pick_for or _by(balancer))
    affinity = affinity_of(spec)
    if affinity is not None:
        pick_for = affinity.around(pick_for or _by(balancer))
    if spec.endpoint_picker:
        from fastgw.core.live.picking import by_field  # which few services have

        pick_for = by_field(pick_for or _by(balancer))
    return pick_for


def _by(balancer: Any) -> PickFor:
    return lambda candidates, _: balancer.pick(candidates)


def _slowly(spec: ServiceSpec, members: Members, random: Chance, balancer: Any) -> PickFor:
    """As ``balancer`` picks, but with newcomers spared."""
    from fastgw.policy.slow_start import SlowStart

    # One that recognises tuples has another beside it, for those that have settled; one that learns must learn of all.
    others = balancer if hasattr(balancer, "settle") else _balancer(spec, members, random)
    start = SlowStart(spec.slow_start, _arrivals(members, members.ready), monotonic)

    def pick(candidates: Sequence[Any], _: Any) -> Any:
        return start.pick(members.ready, candidates, balancer.pick, others.pick)

    return pick


def _near(zone: str, spill_below: float, members: Members, pick_for: PickFor) -> PickFor:
    """As ``pick_for``, of those that are in ``zone``, while that is enough."""
    from fastgw.policy.zones import Zones

    zones = Zones(zone, spill_below, lambda: members.all)
    return lambda candidates, exchange: pick_for(zones.nearest(candidates), exchange)


def affinity_of(spec: ServiceSpec) -> AffinityCookie | None:
    """The cookie of a service, if it has one."""
    if spec.affinity is None:
        return None
    from fastgw.filters.affinity import AffinityCookie

    return AffinityCookie(spec.name, *spec.affinity)


def _chooser(spec: ServiceSpec, members: Members, random: Chance) -> tuple[Any, PickFor | None]:
    """A balancer, and how it picks for an exchange; None: for all of them alike."""
    if spec.prefix is not None:
        from fastgw.core.models.placing import by_prefix
        from fastgw.policy.prefix_hash import PrefixHash, popularity_of

        # Of some of the members nobody knows how many prompts come to them: they count for themselves.
        popularity = popularity_of(spec.name) if spec.subset is None and spec.model_lists is None else None
        balancer = PrefixHash(_least_request(members, random), spec.prefix.max_load, popularity)
        return balancer, by_prefix(balancer)
    if spec.hash is None:
        return _balancer(spec, members, random), None
    from fastgw.filters.variables import Template

    by_key, key = _by_key(spec, members, random), Template(spec.hash.key).fill
    return by_key, lambda candidates, exchange: by_key.pick_by(candidates, key(exchange), exchange.tried)


def _balancer(spec: ServiceSpec, members: Members, random: Chance) -> Any:
    if spec.balance == "peak_ewma":
        from fastgw.core.live.judges import judge_of
        from fastgw.policy.ewma import PeakEwma

        # Of the configuration before: what it has learned outlives a reload.
        return judge_of(members.judge, PeakEwma) or PeakEwma(random, monotonic)
    if spec.engine is not None:
        from fastgw.core.live.judges import judge_of
        from fastgw.policy.engine_aware import READINGS, EngineAware

        known = judge_of(members.judge, EngineAware)
        return known or EngineAware(random, monotonic, READINGS.of(spec.name))
    if spec.balance == "round_robin":
        return RoundRobin()
    return Random(random) if spec.balance == "random" else _least_request(members, random)


def _least_request(members: Members, random: Chance) -> LeastRequest:
    first = members.ready
    newcomers: Newcomers | None = None

    def beside(candidates: Sequence[Any]) -> Newcomers | None:
        nonlocal first, newcomers
        first = first or members.ready  # where the worker has just begun
        if newcomers is None and members.ready is not first:
            from fastgw.policy.newcomers import Newcomers

            newcomers = Newcomers(_arrivals(members, first), lambda: members.ready, LeastRequest(random).pick)
        return newcomers if newcomers is not None and newcomers.come(candidates) else None

    return LeastRequest(random, beside)


def _arrivals(members: Members, ready: tuple[Any, ...]) -> Arrivals:
    """Of members who come behind those that are, or were, ``ready``."""
    from fastgw.policy.newcomers import Arrivals

    return Arrivals([one for one in ready if one in members.all] or members.all, lambda one: one in members.all)


def _by_key(spec: ServiceSpec, members: Members, random: Chance) -> ByKey:
    assert spec.hash is not None
    if spec.balance == "maglev":
        from fastgw.policy.maglev import Maglev

        return Maglev(random, lambda: members.all, spec.hash.max_load)
    from fastgw.policy.hashing import ConsistentHash

    return ConsistentHash(random, lambda: members.all, spec.hash.max_load)

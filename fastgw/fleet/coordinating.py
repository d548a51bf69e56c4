"""What follows for a fleet from what is known of it: the decisions of a coordinator, without etcd, clock or task.

                     all can use it                     all canaries have held
    checking ──────────────────────────▶ canary ──────────────────────────────▶ promoting ──── all serve it ───▶ promoted
        │          └── no canary is asked for ─────────────────────────────────▶    │
        ▼ one cannot                       ▼ one cannot, or goes back                ▼ one cannot, or goes back
     refused                           went_back                                 went_back, and ``promoted`` is ``former`` again

A generation that is pushed comes into ``checking``: every node loads and checks it, and does not use it.  Canaries use it then, or all
nodes at once; what a node is to use is told by ``FleetRollout.wanted_of`` alone, at every moment.  So a step is one record that replaces
another, nothing is under way but what the record says, and whoever coordinates next goes on from there.

One push behind the other: a generation that no more than canaries use is left for a newer one, at once, and its canaries go back.  One that
is being promoted is brought to its end first, which takes as long as the guards of the nodes.

Nodes that are gone (their lease has ended) are not waited for, and those that come have to check it like all others.  But a generation that
has no canary left is not promoted: it may be its own doing.  A node that is there and says nothing for ``ANSWER_MOST`` seconds cannot use
the generation, for all that is known.  Times are those that this coordinator has seen itself, not those of other machines: the next one
begins to count anew, and what is held is held for longer.

What is asked of a node: to check ``FleetRollout.number`` until the rollout is over, and to use what is wanted of it.  Its states
``refused`` and ``went_back`` speak of the generation that it has checked last.  A generation is known by its number and its digest: numbers
begin again in an etcd that was wiped, or restored from a backup.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from fastgw.fleet.records import (
    CANARY,
    CHECKING,
    GUARDING,
    NODES_MOST,
    OVER,
    PROMOTED,
    PROMOTING,
    REFUSED,
    WENT_BACK,
    Canary,
    FleetNode,
    FleetRollout,
)

ANSWER_MOST: Final = 60.0  #: seconds in which a node checks a generation, or takes it
GATHER_MOST: Final = 5.0  #: seconds in which the others say what they find, once a node has refused
NAMED_MOST: Final = 5  #: nodes that are named in a reason


class Offer(NamedTuple):
    """What a coordinator has to know of a generation."""

    number: int
    sha256: str
    canary: Canary | None
    problem: str = ""  #: why its record cannot be used; empty: it can


class NodeSeen(NamedTuple):
    """A node that is there."""

    node: FleetNode
    seconds: float  #: for which this coordinator has seen it use what it uses


class Situation(NamedTuple):
    """All that a coordinator knows."""

    rollout: FleetRollout | None  #: None: there is none yet
    latest: int  #: number of the generation that was pushed last; 0: none was
    offers: Mapping[int, Offer]  #: by number; that of ``latest`` and of the rollout are needed
    nodes: Mapping[str, NodeSeen]  #: by name
    seconds: float  #: for which this coordinator has seen the rollout in its phase
    now: float  #: seconds since 1970


def next_step(known: Situation) -> FleetRollout | None:
    """What the rollout becomes now; None: it stays as it is."""
    rollout, offer = known.rollout, known.offers.get(known.latest)
    if not known.nodes:
        return None
    if rollout is None:
        return FleetRollout(known.latest, CHECKING, 0, since=known.now) if offer is not None else None
    if known.latest > rollout.number and rollout.phase != PROMOTING and offer is not None:
        return _turned(known, rollout, CHECKING)._replace(number=known.latest)
    offer = known.offers.get(rollout.number)
    if rollout.phase in OVER or offer is None:
        return None
    seen = known.nodes.values()
    if rollout.phase == CHECKING:
        return _checking(known, rollout, offer, seen)
    why = offer.problem or _failures(offer, seen)
    if why:
        return _back(known, rollout, why)
    return (_canary if rollout.phase == CANARY else _promoting)(known, rollout, offer, seen)


def is_served(node: FleetNode, offer: Offer) -> bool:
    """Does ``node`` serve the generation, and is its guard over?"""
    return _is_used(node, offer) and node.state != GUARDING


def canaries_of(nodes: Iterable[str], share: float) -> tuple[str, ...]:
    """The names of those that take a generation first, as many as a rollout can name: always the same, as long as the nodes are."""
    names = sorted(nodes, key=lambda name: sha256(name.encode()).digest())
    return tuple(names[: min(NODES_MOST, max(1, math.ceil(share * len(names) - 1e-9)))])


def _checking(known: Situation, rollout: FleetRollout, offer: Offer, seen: Iterable[NodeSeen]) -> FleetRollout | None:
    silent = [one for one in seen if one.node.checked != offer.number]
    refusing = [one.node for one in seen if one.node.refuses(offer.number)]
    limit = GATHER_MOST if refusing else ANSWER_MOST
    if offer.problem:
        return _turned(known, rollout, REFUSED, offer.problem)
    if any(_age(known, one) < limit for one in silent):
        return None
    if refusing:
        return _turned(known, rollout, REFUSED, _told(refusing))
    if silent:
        return _turned(known, rollout, REFUSED, _unanswered(silent))
    if offer.canary is not None and len(known.nodes) > 1:
        return _turned(known, rollout, CANARY)._replace(canaries=canaries_of(known.nodes, offer.canary.share))
    return _promoted(known, rollout)


def _canary(known: Situation, rollout: FleetRollout, offer: Offer, seen: Iterable[NodeSeen]) -> FleetRollout | None:
    canaries = [known.nodes[name] for name in rollout.canaries if name in known.nodes]
    if not canaries:
        return _back(known, rollout, _names(rollout.canaries) + ": gone, and nobody else has tried it")
    late = _late(known, offer, canaries) or _silent(known, offer, seen)
    if late:
        return _back(known, rollout, late)
    hold = offer.canary.hold if offer.canary is not None else 0.0
    has_held = all(is_served(one.node, offer) and one.seconds >= hold for one in canaries)
    can_all = all(one.node.accepts(offer.number) for one in seen)
    return _promoted(known, rollout) if has_held and can_all else None


def _promoting(known: Situation, rollout: FleetRollout, offer: Offer, seen: Iterable[NodeSeen]) -> FleetRollout | None:
    late = _late(known, offer, seen)
    if late:
        return _back(known, rollout, late)
    return _turned(known, rollout, PROMOTED) if all(is_served(one.node, offer) for one in seen) else None


def _turned(known: Situation, rollout: FleetRollout, phase: str, reason: str = "") -> FleetRollout:
    return rollout._replace(phase=phase, canaries=(), since=known.now, reason=reason)


def _promoted(known: Situation, rollout: FleetRollout) -> FleetRollout:
    return _turned(known, rollout, PROMOTING)._replace(promoted=rollout.number, former=rollout.promoted)


def _back(known: Situation, rollout: FleetRollout, reason: str) -> FleetRollout:
    back = _turned(known, rollout, WENT_BACK, reason)
    return back._replace(promoted=rollout.former, former=0) if rollout.phase == PROMOTING else back


def _is_used(node: FleetNode, offer: Offer) -> bool:
    return node.uses == offer.number and node.digest == offer.sha256


def _failures(offer: Offer, seen: Iterable[NodeSeen]) -> str:
    """Why nodes that were to use it, or to check it, do not; empty: none has said so."""
    nodes = [one.node for one in seen if one.node.checked == offer.number]
    return _told([node for node in nodes if node.problems or node.state in (REFUSED, WENT_BACK)])


def _age(known: Situation, one: NodeSeen) -> float:
    """Seconds that a node has had for the phase."""
    return min(known.seconds, one.seconds)


def _late(known: Situation, offer: Offer, seen: Iterable[NodeSeen]) -> str:
    """Who is to use it, and has not begun to for too long; empty: nobody."""
    late = [one for one in seen if not _is_used(one.node, offer) and _age(known, one) >= ANSWER_MOST]
    return _names(one.node.name for one in late) + f": not taken within {ANSWER_MOST:g} s" if late else ""


def _silent(known: Situation, offer: Offer, seen: Iterable[NodeSeen]) -> str:
    """Who has come meanwhile, and has not checked it for too long; empty: nobody."""
    silent = [one for one in seen if one.node.checked != offer.number and _age(known, one) >= ANSWER_MOST]
    return _unanswered(silent) if silent else ""


def _unanswered(seen: Iterable[NodeSeen]) -> str:
    return _names(one.node.name for one in seen) + f": no answer within {ANSWER_MOST:g} s whether it can be used"


def _told(nodes: list[FleetNode]) -> str:
    """Nodes with what they say; those that say the same together."""
    by_reason: dict[str, list[str]] = {}
    for node in nodes:
        more = f" (and {len(node.problems) - 1} more)" if len(node.problems) > 1 else ""
        reason = node.problems[0] + more if node.problems else node.reason or node.state
        by_reason.setdefault(reason, []).append(node.name)
    return "; ".join(f"{_names(names)}: {reason}" for reason, names in by_reason.items())


def _names(names: Iterable[str]) -> str:
    found = sorted(names)
    more = f" and {len(found) - NAMED_MOST} more" if len(found) > NAMED_MOST else ""
    return ", ".join(found[:NAMED_MOST]) + more

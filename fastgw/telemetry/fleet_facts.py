"""The metrics of a gateway that gets its configuration from etcd, with others (``fastgw.fleet``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from fastgw.core.blocks import GAUGE, Metric
from fastgw.telemetry.totals import Facts, FleetFacts

FLEET_STATES: Final = ("waiting", "serving", "checking", "guarding", "refused", "went_back", "stale")
_LABELS: Final = ("key",)

_Samples = Iterable[tuple[tuple[str, ...], float]]


def _fleet(value: Callable[[FleetFacts], float | None]) -> Callable[[Facts], _Samples]:
    def samples(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
        found = value(facts.fleet) if facts.fleet is not None else None
        if facts.fleet is not None and found is not None:
            yield (facts.fleet.key,), float(found)

    return samples


def _states(facts: Facts) -> _Samples:
    fleet = facts.fleet
    return [] if fleet is None else [((fleet.key, state), float(fleet.state == state)) for state in FLEET_STATES]


FLEET_FACTS: Final = (
    (
        Metric(
            "fastgw_fleet_generation",
            GAUGE,
            "Generation of the fleet that this gateway serves; 0: none of etcd's.",
            _LABELS,
            "[A fleet](fleet.md) has one configuration in etcd.",
        ),
        _fleet(lambda one: one.generation),
    ),
    (
        Metric(
            "fastgw_fleet_promoted",
            GAUGE,
            "Generation that the fleet has promoted, as far as this gateway has heard.",
            _LABELS,
            "Alert where it differs from the former for minutes.",
        ),
        _fleet(lambda one: one.promoted),
    ),
    (
        Metric(
            "fastgw_fleet_state",
            GAUGE,
            "1 for the state in which this gateway is.",
            ("key", "state"),
            "[Which](fleet.md#how-a-gateway-is); alert on `refused`, `went_back` and `stale`.",
            values=FLEET_STATES,
        ),
        _states,
    ),
    (
        Metric("fastgw_fleet_contact_age_seconds", GAUGE, "Seconds since etcd has last answered.", _LABELS),
        _fleet(lambda one: one.contact_age),
    ),
    (
        Metric("fastgw_fleet_nodes", GAUGE, "Gateways of the fleet, as far as this one has heard.", _LABELS),
        _fleet(lambda one: one.nodes),
    ),
    (
        Metric(
            "fastgw_fleet_coordinates",
            GAUGE,
            "1 while this gateway coordinates the fleet.",
            _LABELS,
            "Alert where it is 0 on all of them.",
        ),
        _fleet(lambda one: one.coordinates),
    ),
)

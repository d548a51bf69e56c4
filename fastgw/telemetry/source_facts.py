"""The metrics of registries: of sources that members are listed by (``fastgw.discovery``), and of what is registered there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from fastgw.core.blocks import COUNTER, GAUGE, Metric
from fastgw.telemetry.registration_facts import REGISTRATION_FACTS
from fastgw.telemetry.totals import Facts, SourceFacts

_LABELS: Final = ("service", "source")


def _source(value: Callable[[SourceFacts], float | None]) -> Callable[[Facts], Iterable[tuple[tuple[str, ...], float]]]:
    def samples(facts: Facts) -> Iterator[tuple[tuple[str, ...], float]]:
        for one in facts.sources:
            found = value(one)
            if found is not None:
                yield (one.service, one.kind), found

    return samples


REGISTRY_FACTS: Final = (
    (
        Metric(
            "fastgw_discovery_up",
            GAUGE,
            "1 while the source lists members, and they are believed.",
            _LABELS,
            "[Why not](discovery.md#what-is-believed); alert on 0.",
        ),
        _source(lambda one: one.state == "listed"),
    ),
    (
        Metric("fastgw_discovery_members", GAUGE, "Members of the service that the source lists.", _LABELS),
        _source(lambda one: one.members),
    ),
    (
        Metric(
            "fastgw_discovery_age_seconds",
            GAUGE,
            "Seconds since the source has last said something.",
            _LABELS,
            "A source whose members stay the same says nothing.",
        ),
        _source(lambda one: one.age),
    ),
    (
        Metric("fastgw_discovery_changes", COUNTER, "Lists of the source that have changed the members.", _LABELS),
        _source(lambda one: one.changes),
    ),
    (
        Metric(
            "fastgw_discovery_failures", COUNTER, "Times that the source could not be asked, or not any more.", _LABELS
        ),
        _source(lambda one: one.failures),
    ),
    (
        Metric("fastgw_discovery_skipped", GAUGE, "Entries of the last list that are no members.", _LABELS),
        _source(lambda one: len(one.skipped)),
    ),
    (
        Metric("fastgw_discovery_damped", GAUGE, "Members that are left out because they come and go.", _LABELS),
        _source(lambda one: len(one.damped)),
    ),
    (
        Metric(
            "fastgw_discovery_recalled",
            GAUGE,
            "1 while the members are those that were known before the start.",
            _LABELS,
            "[Over a restart](discovery.md#over-a-restart).",
        ),
        _source(lambda one: one.is_recalled),
    ),
    *REGISTRATION_FACTS,
)

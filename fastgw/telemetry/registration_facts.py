"""The metrics of registries that the gateway registers members in (``server.registering``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from fastgw.core.blocks import COUNTER, GAUGE, Metric
from fastgw.telemetry.totals import Facts, RegistrationFacts

_LABELS: Final = ("registry",)


def _registry(
    value: Callable[[RegistrationFacts], float],
) -> Callable[[Facts], Iterable[tuple[tuple[str, ...], float]]]:
    return lambda facts: [((one.kind,), value(one)) for one in facts.registrations]


REGISTRATION_FACTS: Final = (
    (
        Metric(
            "fastgw_registration_up",
            GAUGE,
            "1 while everything that the gateway registers is there, as far as is known.",
            _LABELS,
            "[Why not](registration.md#by-the-gateway); alert on 0.",
        ),
        _registry(lambda one: one.state == "registered"),
    ),
    (
        Metric("fastgw_registration_members", GAUGE, "Members that the gateway has registered.", _LABELS),
        _registry(lambda one: one.there),
    ),
    (
        Metric("fastgw_registration_wanted", GAUGE, "Members that the gateway is to register.", _LABELS),
        _registry(lambda one: one.wanted),
    ),
    (
        Metric("fastgw_registration_errors", COUNTER, "Questions of the registry without an answer of use.", _LABELS),
        _registry(lambda one: one.errors),
    ),
    (
        Metric(
            "fastgw_registration_losses",
            COUNTER,
            "Times that what was registered was gone.",
            _LABELS,
            "It is registered again at once.",
        ),
        _registry(lambda one: one.losses),
    ),
)

"""Versions on their way: each second it is looked at what came of their requests, and the next step taken, or all taken back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from fastgw.config.spec import version_name
from fastgw.core import counters as layout
from fastgw.core import labels
from fastgw.core.blocks import DURATION_BUCKETS
from fastgw.policy.rollout import ADVANCE, DONE, STOP, WAIT, StepCounts, decide, quantile
from fastgw.server.log import Log
from fastgw.server.rollouts import RolloutError, Rollouts, Weights
from fastgw.server.state_file import Underway
from fastgw.telemetry.answers import answers_of
from fastgw.telemetry.totals import total

if TYPE_CHECKING:
    from fastgw.server.gateway import Gateway

EVERY: Final = 1.0  #: seconds between two looks
_BOUNDS: Final = [one / 1e6 for one in DURATION_BUCKETS]
_5XX: Final = labels.CLASSES.index("5xx")


class Counts(NamedTuple):
    """What came of the requests of a version since the gateway started."""

    requests: int
    errors: int  #: answered 5xx, or failed at an endpoint; who left is none
    buckets: tuple[int, ...]  #: answers by the time to their head


class _Step(NamedTuple):
    plan: Underway
    began: float
    counts: Counts


class Plans:
    """Has the plans go on that are under way; a step that a restart has cut short begins again."""

    def __init__(
        self,
        counts: Callable[[str], Counts],
        follow: Callable[[str, Callable[[], Awaitable[Weights]]], Awaitable[object]],
        log: Log,
    ) -> None:
        """``counts``: of a version, by the name of its service; ``follow``: has the workers do what is kept, by the service."""
        self._counts = counts
        self._follow = follow
        self._log = log
        self._steps: dict[str, _Step] = {}

    async def watch(self, rollouts: Rollouts) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look(rollouts, time.monotonic())
            except Exception as error:  # noqa: BLE001  a look that fails must not end all looks
                self._log.limited("a plan cannot be looked at", error=repr(error))

    async def look(self, rollouts: Rollouts, now: float) -> None:
        """Do what is to be done ``now``, seconds of a clock that never jumps."""
        plans = rollouts.plans
        self._steps = {name: one for name, one in self._steps.items() if plans.get(name) == one.plan}
        rollouts.said = {name: said for name, said in rollouts.said.items() if name in plans}
        for service, plan in plans.items():
            counts = self._counts(version_name(service, plan.version))
            step = self._steps.get(service)
            if step is None:
                self._steps[service] = _Step(plan, now, counts)
                rollouts.said[service] = "this step has begun"
                continue
            decision = decide(plan.terms, plan.step, now - step.began, since(step.counts, counts))
            rollouts.said[service] = decision.reason
            if decision.verdict != WAIT:
                await self._act(rollouts, service, plan, decision.verdict, decision.reason)

    async def _act(self, rollouts: Rollouts, service: str, plan: Underway, verdict: str, reason: str) -> None:
        fields: Mapping[str, object] = {
            "service": service,
            "version": plan.version,
            "step": plan.step + 1,
            "reason": reason,
        }
        try:
            if verdict == ADVANCE:
                await self._follow(service, lambda: rollouts.advance(service, plan))
                self._log.info("a version takes its next step", **fields)
            elif verdict == DONE:
                outcome = f"{plan.version} has taken all steps: {reason}"
                await self._follow(service, lambda: rollouts.end(service, plan, outcome, back=False))
                self._log.info("a version has taken all steps", **fields)
            elif verdict == STOP:
                outcome = f"{plan.version} was taken back in step {plan.step + 1}: {reason}"
                await self._follow(service, lambda: rollouts.end(service, plan, outcome, back=True))
                self._log.error("a version does badly and is taken back", **fields)
        except RolloutError as error:
            self._log.error("a plan cannot go on", **fields, error=str(error))


def since(before: Counts, now: Counts) -> StepCounts:
    """What came between the two."""
    buckets = [late - early for early, late in zip(before.buckets, now.buckets, strict=True)]
    requests = now.requests - before.requests
    return StepCounts(requests, min(requests, now.errors - before.errors), quantile(buckets, _BOUNDS, 0.99))


def counts_of(gateway: Gateway, service: str) -> Counts:
    """What all workers have counted of ``service`` and its endpoints."""
    slots = gateway.plan_in_use.slots
    endpoints = {name: slot for name, slot in slots.endpoints.items() if name[0] == service}
    totals = total(gateway.slabs, {}, {service: slots.services[service]}, endpoints, {})
    block = totals.services.get(service, [0] * layout.SERVICE.size)
    answers = answers_of(block)
    failed = sum(found[layout.ENDPOINT_FAILURES] for found in totals.endpoints.values())
    places = range(layout.SERVICE_ANSWERS_US, layout.SERVICE_UNANSWERED, layout.HISTOGRAM_SIZE)
    columns = zip(*(block[place + 1 : place + layout.HISTOGRAM_SIZE] for place in places), strict=True)
    return Counts(sum(answers) + failed, answers[_5XX] + failed, tuple(map(sum, columns)))

"""How requests are divided among the versions of each service: by the file, until an operator says something else.

What an operator says is kept in the state file first, told to the workers then, and answered when all of them do so.  It holds over
restarts and reloads, until the service has other versions, or is ``reset``.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from fastgw.config.spec import GatewaySpec, VersionsSpec
from fastgw.policy.shares import WHOLE, promoted
from fastgw.server import state_file
from fastgw.server.state_file import HISTORY, Remembered, Underway

Weights = Mapping[str, Mapping[str, int]]  #: by service and version


class RolloutError(Exception):
    """What was asked for cannot be done; says why."""


class Rollouts:
    """What is kept of every service that has versions."""

    def __init__(self, path: str, clock: Callable[[], float] = time.time, told: Any = None) -> None:
        """``path``: of the state file; ``clock``: seconds since 1970; ``told``: what a predecessor keeps, instead of the file."""
        self.path = path
        self._clock = clock
        self._spec: dict[str, VersionsSpec] = {}
        self.said: dict[str, str] = {}  #: of each plan under way, why it is where it is
        self.unsaved = ""  #: why what is in use would not be after a restart
        self._lock = asyncio.Lock()
        self._kept, self.problem = state_file.read(path)
        if told is not None:
            with contextlib.suppress(
                ValueError, KeyError, TypeError, OverflowError
            ):  # of another format: the file will do
                self._kept, self.problem = state_file.understood(told), ""

    # -- the configuration --------------------------------------------------------------------------------------------

    def applied(self, spec: GatewaySpec) -> GatewaySpec:
        """``spec`` with the shares that are kept, where the service has the same versions."""
        return spec._replace(versioned=tuple(one._replace(shares=self._now(one)) for one in spec.versioned))

    async def adopt(self, spec: GatewaySpec) -> list[str]:
        """``spec`` is in use: forget what is kept of other versions, so that it does not come back with them; return of which services.

        Raises:
            RolloutError: the file does not say so: it cannot be written.
        """
        async with self._lock:
            self._spec = {one.name: one for one in spec.versioned}
            is_elsewhere, self.path = self.path != spec.state_file, spec.state_file
            lost = [name for name, kept in self._kept.items() if not self._fits(name, kept)]
            self._kept = {name: kept for name, kept in self._kept.items() if name not in lost}
            if lost or (is_elsewhere and self._kept):
                await self._save(self._kept)
        return lost

    def _fits(self, name: str, kept: Remembered) -> bool:
        return name in self._spec and set(kept.shares) == {one.name for one in self._spec[name].versions}

    def _now(self, spec: VersionsSpec) -> tuple[int, ...]:
        kept = self._kept.get(spec.name)
        names = [one.name for one in spec.versions]
        if kept is None or set(kept.shares) != set(names):
            return tuple(one.share for one in spec.versions)
        return tuple(kept.shares[one] for one in names)

    # -- what an operator says ----------------------------------------------------------------------------------------

    async def promote(self, service: str, version: str, share: int) -> Weights:
        """Give ``version`` this share, of ``WHOLE``, which ends a plan; return what the workers are to be told."""
        return await self._give(service, version, share, None)

    async def begin(self, service: str, version: str) -> Weights:
        """Give ``version`` the share of the first step of the plan in the file."""
        terms = self._known(service).rollout
        if terms is None:
            raise RolloutError(f"the file has no rollout for {service!r}, which would say the steps")
        return await self._give(service, version, terms.steps[0], Underway(version, 0, terms))

    async def advance(self, service: str, plan: Underway) -> Weights:
        """Take the next step of ``plan``, if it is under way still."""
        spec = self._known(service)
        names = [one.name for one in spec.versions]
        async with self._lock:
            kept = self._kept.get(service)
            if kept is None or kept.plan != plan:
                raise RolloutError("the plan was ended meanwhile")
            step = plan.step + 1
            share = plan.terms.steps[step]
            after = promoted(
                self._now(spec), tuple(one.share for one in spec.versions), names.index(plan.version), share
            )
            shares = dict(zip(names, after, strict=True))
            return await self._keep(service, Remembered(shares, kept.before, self._clock(), plan._replace(step=step)))

    async def end(self, service: str, plan: Underway, outcome: str, *, back: bool) -> Weights:
        """``plan`` has ended, if it is under way still: keep the shares, or go ``back`` to those before its first step."""
        async with self._lock:
            kept = self._kept.get(service)
            if kept is None or kept.plan != plan:
                raise RolloutError("the plan was ended meanwhile")
            shares, before = (kept.before[-1], kept.before[:-1]) if back and kept.before else (kept.shares, kept.before)
            return await self._keep(service, Remembered(shares, before, self._clock(), None, outcome), is_urgent=back)

    @property
    def plans(self) -> dict[str, Underway]:
        """Those under way, by service."""
        return {name: kept.plan for name, kept in self._kept.items() if kept.plan is not None and name in self._spec}

    async def _give(self, service: str, version: str, share: int, plan: Underway | None) -> Weights:
        spec = self._known(service)
        names = [one.name for one in spec.versions]
        if version not in names:
            raise RolloutError(f"{service!r} has no version {version!r}; it has {', '.join(names)}")
        async with self._lock:
            now = self._now(spec)
            after = promoted(now, tuple(one.share for one in spec.versions), names.index(version), share)
            before = (*self._before(service), dict(zip(names, now, strict=True)))[-HISTORY:]
            return await self._keep(
                service, Remembered(dict(zip(names, after, strict=True)), before, self._clock(), plan)
            )

    async def rollback(self, service: str) -> Weights:
        """Back to the shares before the last change."""
        self._known(service)
        async with self._lock:
            before = self._before(service)
            if not before:
                raise RolloutError(f"nothing was changed of {service!r} that could be taken back")
            return await self._keep(service, Remembered(before[-1], before[:-1], self._clock()), is_urgent=True)

    async def reset(self, service: str) -> Weights:
        """Back to what the file says, and nothing is kept."""
        spec = self._known(service)
        async with self._lock:
            await self._keep(service, None)
            return {service: {one.name: one.share for one in spec.versions}}

    def _known(self, service: str) -> VersionsSpec:
        if service not in self._spec:
            known = ", ".join(self._spec) or "none"
            raise RolloutError(f"no service named {service!r} has versions; those that have: {known}")
        return self._spec[service]

    def _before(self, service: str) -> tuple[dict[str, int], ...]:
        kept = self._kept.get(service)
        return kept.before if kept is not None else ()

    async def _keep(self, service: str, kept: Remembered | None, *, is_urgent: bool = False) -> Weights:
        """Have ``kept`` on disk, and then in use; ``is_urgent``: in use even if it cannot be kept over a restart (``unsaved``)."""
        state = {name: one for name, one in self._kept.items() if name != service}
        if kept is not None:
            state[service] = kept
        try:
            await self._save(state)
            self.unsaved = ""
        except RolloutError as error:
            if not is_urgent:
                raise
            self.unsaved = str(error)
        self._kept = state
        return {service: kept.shares} if kept is not None else {}

    async def _save(self, state: dict[str, Remembered]) -> None:
        try:
            await asyncio.to_thread(state_file.write, self.path, state)
        except OSError as error:
            raise RolloutError(f"the state file {self.path} cannot be written: {error.strerror}") from None

    # -- what is told -------------------------------------------------------------------------------------------------

    def told(self) -> dict[str, Any]:
        """What is kept, for a successor."""
        return state_file.plain(self._kept)

    @property
    def weights(self) -> dict[tuple[str, str], float]:
        """The share of each version now, 0 to 1, by service and version."""
        return {
            (spec.name, one.name): share / WHOLE
            for spec in self._spec.values()
            for one, share in zip(spec.versions, self._now(spec), strict=True)
        }

    def document(self) -> dict[str, Any]:
        """For ``/status`` and the command; weights in percent."""
        return {name: self._told(spec) for name, spec in self._spec.items()}

    def _told(self, spec: VersionsSpec) -> dict[str, Any]:
        kept = self._kept.get(spec.name)
        shadow = spec.shadow.version if spec.shadow is not None else None
        return {
            "versions": {
                one.name: {
                    "service": one.service,
                    "weight": _percent(share),
                    "configured": _percent(one.share),
                    "shadow": one.name == shadow,
                }
                for one, share in zip(spec.versions, self._now(spec), strict=True)
            },
            "changed": None if kept is None else kept.changed,
            "plan": None if kept is None or kept.plan is None else self._told_plan(spec.name, kept.plan),
            "outcome": None if kept is None else kept.outcome or None,
            "before": None
            if kept is None or not kept.before
            else {name: _percent(one) for name, one in kept.before[-1].items()},
        }

    def _told_plan(self, service: str, plan: Underway) -> dict[str, Any]:
        steps = [_percent(one) for one in plan.terms.steps]
        return {"version": plan.version, "step": plan.step + 1, "steps": steps, "now": self.said.get(service)}


def _percent(share: int) -> float:
    return share * 100 / WHOLE

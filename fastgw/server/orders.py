"""What an operator may order at the admin socket of any gateway: ``status``, ``limits``, ``reload``, ``upgrade`` and ``drain``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from fastgw.server.reload import Outcome
from fastgw.server.reload_guard import WENT_BACK

if TYPE_CHECKING:
    from fastgw.server.gateway import Gateway

_STARTING: Final = {"ok": False, "error": "starting", "detail": "the gateway is still starting"}


class Reloads(Protocol):
    """Loads the file again."""

    async def __call__(self, *, is_forced: bool = False) -> Outcome:
        """``is_forced``: whatever a rehearsal says."""


class Orders:
    """Carries them out."""

    def __init__(
        self,
        gateway: Gateway,
        document: Callable[[], dict[str, Any]],
        reload: Reloads,
        stop: Callable[[], None],
        upgrade: Callable[[], Awaitable[dict[str, Any]]],
    ) -> None:
        """``document``: makes that of ``/status``; ``reload``: loads the file again; ``stop``: begins a drain; ``upgrade``: has a new
        process take our place."""
        self._gateway = gateway
        self._document = document
        self._reload = reload
        self._stop = stop
        self._upgrade = upgrade
        self.answers = {
            "status": self.status,
            "limits": self.limits,
            "reload": self.reload,
            "drain": self.drain,
            "upgrade": self.upgrade,
        }

    async def status(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """What ``/status`` has."""
        return {"ok": True, "status": self._document()}

    async def limits(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What is left of limits of models for whom ``of`` says: a list of pairs, such as ``["key", "ann"]``."""
        from fastgw.server.limits_left import limits_of

        if not self._gateway.is_started:
            return _STARTING
        of = request.get("of", [])
        if not isinstance(of, list) or not all(
            isinstance(one, list) and list(map(type, one)) == [str, str] for one in of
        ):
            return {"ok": False, "error": "misfit", "detail": "'of' is a list of pairs of strings"}
        found = await limits_of(self._gateway, [(word, name) for word, name in of])
        if found is None:
            detail = "no model of this name is configured, no limit counts by this label, or this is no name"
            return {"ok": False, "error": "unknown", "detail": detail}
        return {"ok": True, "limits": found}

    async def reload(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Load the file again; answered when the workers serve it, or when it is refused; with ``wait_guard`` when its guard is over.

        ``force``: it is not refused for what a rehearsal finds.
        """
        gateway = self._gateway
        if not gateway.is_started:
            return _STARTING
        if gateway.is_draining:
            return {"ok": False, "error": "draining", "detail": "the gateway drains"}
        if gateway.is_upgrading:
            return {"ok": False, "error": "upgrading", "detail": "an upgrade is under way, and reads the file itself"}
        before = gateway.plan_in_use.spec
        outcome = await self._reload(is_forced=request.get("force") is True)
        found: dict[str, Any] = {"ok": outcome.ok, "generation": gateway.generation}
        if outcome.rehearsal is not None:
            found["rehearsal"] = outcome.rehearsal
        if not outcome.ok:
            return found | {"error": "refused", "detail": _refused(outcome), "problems": list(outcome.problems)}
        from fastgw.config.changes import changes  # only who asks is told

        told = await asyncio.to_thread(changes, before, gateway.plan_in_use.spec)
        found |= {"changes": told, "warnings": [str(one) for one in gateway.warnings]}
        if outcome.guard is None or request.get("wait_guard") is not True:
            return found
        verdict = await asyncio.shield(outcome.guard)  # others wait for it too
        found |= {"guard": {"state": verdict.how, "reason": verdict.reason}, "generation": gateway.generation}
        return (
            found | {"ok": False, "error": "went_back", "detail": verdict.reason} if verdict.how == WENT_BACK else found
        )

    async def upgrade(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """What SIGUSR2 does; answered when the new process has our place, or when it does not come to that."""
        return await self._upgrade()

    async def drain(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """What SIGTERM does; asking again hurries nobody."""
        gateway = self._gateway
        if not gateway.is_draining:
            self._stop()
        shutdown = gateway.plan_in_use.spec.shutdown
        return {"ok": True, "pid": os.getpid(), "grace": shutdown.lame_duck + shutdown.longest}


def _refused(outcome: Outcome) -> str:
    return "\n".join(["the new configuration is refused, the old one stays in use", *outcome.problems])

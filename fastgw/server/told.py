"""What a worker is told of things that the supervisor keeps for it, and what its filters want: keys of tokens, links with a Redis, how busy
engines are, which models members have; and whether somebody watches.

What keeps any of it here is imported where it is needed: other workers are smaller without.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from fastgw.config.spec import GatewaySpec
from fastgw.server.messages import Asked, Busy, Expecting, Fetched, Linked, ModelsListed, Tail, Wanted

if TYPE_CHECKING:
    from fastgw.core.plane import Plane

KINDS: Final = (Fetched, Linked, Busy, ModelsListed, Tail, Expecting)


class SourceNews:
    """What one worker is told, and whom it asks."""

    def __init__(self, send: Callable[[Wanted | Asked], None]) -> None:
        """``send``: lets the supervisor know what filters want."""
        self._send = send

    def learn(
        self, message: Fetched | Linked | Busy | ModelsListed | Tail | Expecting, plane: Plane | None = None
    ) -> None:
        """Take what the supervisor tells; ``plane``: of the worker, if it has one."""
        if isinstance(message, Tail):
            if plane is not None:
                try:
                    from fastgw.server.tailing import tail
                except (
                    OSError
                ):  # no descriptor is free, which is told already: who watches is shown less, and nobody is cut for it
                    return
                tail(plane, message)
        elif isinstance(message, Fetched):
            from fastgw.filters.key_sets import KEY_SETS

            KEY_SETS.learn(message.news)
        elif isinstance(message, Busy):
            from fastgw.policy.engine_aware import READINGS
            from fastgw.policy.engines import Load

            READINGS.learn(message.service, {at: (Load(*one), until) for at, (one, until) in message.loads.items()})
        elif isinstance(message, ModelsListed):
            from fastgw.policy.having import TABLES

            TABLES.of(message.service).learn(message.lists)
        elif isinstance(message, Expecting):
            from fastgw.core.live.expected import EXPECTED

            EXPECTED.learn(*message)
        else:
            from fastgw.filters.leases import LEASES

            LEASES.learn(message.news)

    def retain(self, spec: GatewaySpec) -> None:
        """``spec`` is in use now: let its filters ask, and forget what it does not have."""
        if spec.key_sets or "fastgw.filters.key_sets" in sys.modules:
            from fastgw.filters.key_sets import KEY_SETS

            KEY_SETS.on_wanted = lambda key_set: self._send(Wanted(key_set))
            KEY_SETS.retain(spec.key_sets)
        if spec.redis or "fastgw.filters.leases" in sys.modules:
            from fastgw.filters.leases import LEASES

            LEASES.on_asked = lambda asks: self._send(Asked(asks))
            LEASES.retain(spec.redis)
        if "fastgw.policy.engine_aware" in sys.modules:
            from fastgw.policy.engine_aware import READINGS

            READINGS.retain({one.name for one in spec.services if one.engine is not None})
        if "fastgw.policy.having" in sys.modules:
            from fastgw.policy.having import TABLES

            TABLES.retain({one.name for one in spec.services if one.model_lists is not None})

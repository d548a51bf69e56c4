"""A plan, which is a configuration that may become the one in use, and where its sockets come from.

Each is, in this order, the one that the configuration in use has there already, one that the gateway before us has handed over, one that
the service manager has made, or a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from fastgw.config.bind_spec import BindSpec
from fastgw.config.spec import GatewaySpec
from fastgw.core.settings import Address
from fastgw.errors import ConfigError
from fastgw.server.inherited import Inherited
from fastgw.server.listening import Listening, adopt, bind, bind_all
from fastgw.server.messages import Slots

if TYPE_CHECKING:
    from fastgw.server.handover import Handed


@dataclass(slots=True)
class Plan:
    """A configuration that may become the one in use: its sockets are bound, its slots chosen."""

    generation: int
    spec: GatewaySpec
    count: int  #: workers
    slots: Slots
    listenings: dict[str, Listening]  #: by the key of their place (``BindSpec``)
    opened: list[Listening] = field(default_factory=list)  #: those of ``listenings`` that are new
    warnings: list[str] = field(default_factory=list)  #: addresses of names that this host does not have
    pieces: tuple[bytes, ...] = ()  #: what workers are sent of it; empty: not made yet


class Binding:
    """Finds or makes the sockets."""

    def __init__(self, inherited: Inherited, handed: Callable[[], Handed | None]) -> None:
        """``inherited``: sockets that we were started with; ``handed``: what the gateway before us has handed over, until it is ours."""
        self._inherited = inherited
        self._handed = handed

    def complete(self, plan: Plan, in_use: Mapping[str, Listening], *, is_takeover: bool) -> None:
        """Give ``plan`` its sockets, and the addresses that names of listeners have now; raise ConfigError with every problem.

        ``in_use``: the sockets of the configuration in use, by their key; ``is_takeover``: may an address be bound although another
        process listens there?  What was opened is in ``plan`` even then, for the caller to close.
        """
        problems: list[str] = []
        listeners = []
        for listener in plan.spec.listeners:
            one_place = partial(self._bind, listener.bind, plan, in_use, is_takeover)
            try:
                bound, warnings = bind_all(listener.bind, one_place)
            except ConfigError as error:
                problems += error.problems
                continue
            plan.warnings += warnings
            listeners.append(listener._replace(bind=listener.bind._replace(places=tuple(one.address for one in bound))))
        if problems:
            raise ConfigError(problems)
        plan.spec = plan.spec._replace(listeners=tuple(listeners))

    def admin(self, spec: BindSpec, place: Address) -> Listening | None:
        """The socket for a place of the admin address that we were started with; None: there is none."""
        handed = self._handed()
        listening = handed.admin(spec.key(place)) if handed is not None else None
        return listening or adopt(place, self._inherited)

    def _bind(
        self, spec: BindSpec, plan: Plan, in_use: Mapping[str, Listening], is_takeover: bool, place: Address
    ) -> Listening:
        listening = in_use.get(spec.key(place))
        if listening is not None:
            listening.grow(plan.count)
        else:
            takeover = is_takeover or any(_is_beside(one.address, place) for one in in_use.values())
            handed = self._handed()
            found = handed.listening(spec.key(place)) if handed is not None else None
            listening = found or adopt(place, self._inherited) or bind(place, plan.count, takeover, spec.access)
            plan.opened.append(listening)
            listening.shrink(plan.count)  # the gateway before us has another number of workers, perhaps
            listening.grow(plan.count)
        plan.listenings[spec.key(place)] = listening
        return listening


def _is_beside(one: Address, other: Address) -> bool:
    """Is a socket of ours at ``one`` in the way of another one at ``other``?"""
    return one.path == other.path if one.path or other.path else one.port == other.port

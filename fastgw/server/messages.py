"""What supervisor and worker say to each other: pickled, over a socket pair that nobody else holds.

supervisor -> worker        worker -> supervisor
Prepare (with sockets)      Prepared (with the problems found, if any)
Commit                      Committed
Abort
Drain                       the end of the process
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fastgw.config.spec import GatewaySpec


@dataclass(frozen=True, slots=True)
class Slots:
    """Which counter block belongs to which name (``server.slots``)."""

    routes: dict[str, int] = field(default_factory=dict)
    endpoints: dict[tuple[str, str], int] = field(default_factory=dict)  #: (service, address) -> slot


@dataclass(frozen=True, slots=True)
class Prepare:
    """Compile this configuration, but go on with the old one.

    The message carries file descriptors: the counter slab first if ``has_slab``, then one listening socket for each
    of ``sockets``.
    """

    generation: int
    spec: GatewaySpec
    slots: Slots
    sockets: tuple[str, ...]  #: listener addresses, as text, whose sockets the worker does not have yet
    has_slab: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """The answer to Prepare; with ``problems`` the worker has forgotten the new configuration again."""

    generation: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """Serve the prepared configuration from now on.  Ignored when preparing it failed."""

    generation: int


@dataclass(frozen=True, slots=True)
class Committed:
    """The answer to Commit: the worker accepts on all listeners of this generation."""

    generation: int


@dataclass(frozen=True, slots=True)
class Abort:
    """Forget the prepared configuration."""

    generation: int


@dataclass(frozen=True, slots=True)
class Drain:
    """Accept what waits, then no more; finish what is under way within ``grace`` seconds; exit."""

    grace: float

"""One address a service is reached at, with its pool of connections: a live thing that outlives the snapshots naming it.

What the configuration calls an endpoint is one of these, or, where it is a host name, one for each address, which share its counters, and
one more for the name itself (``live.waiting``).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from fastgw.core.counters import ENDPOINT
from fastgw.core.live.news import FAILING, USED, Standing
from fastgw.core.live.troubles import Troubles
from fastgw.core.settings import LISTED, Address, UpstreamTls
from fastgw.policy.ejection import MemberState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastgw.core.live.members import Members
    from fastgw.core.live.pool import Pool
    from fastgw.core.plane import Plane
    from fastgw.errors import GatewayError


@dataclass(frozen=True, slots=True)
class EndpointKey:
    """Everything that makes endpoints differ.  Equal keys are one endpoint, whatever snapshot names them."""

    service: str
    address: Address  #: where it is; of what stands for a name the name
    tls: UpstreamTls | None = None
    slot: int = 0  #: counter block, which an endpoint of the configuration keeps as long as that has it
    protocol: str = "http/1.1"  #: or "h2", or "auto": with TLS what ALPN chooses
    name: Address | None = None  #: of which ``address`` is one, as the configuration has it; None: that has ``address``

    @property
    def is_room(self) -> bool:
        """Does it stand for members that are elsewhere: those of a name, or of a list?"""
        return self.address.is_name or self.address.inside == LISTED

    @property
    def configured(self) -> Address:
        """The endpoint as the configuration has it."""
        return self.name or self.address

    def at(self, host: str) -> EndpointKey:
        """One of the addresses that this name has."""
        return replace(self, address=self.address._replace(host=host), name=self.address)


class EndpointSettings(NamedTuple):
    """What a configuration says of an endpoint that it may change in place."""

    pool: Any  #: ``PoolSettings``
    weight: int = 1
    context: ssl.SSLContext | None = None  #: made from ``EndpointKey.tls`` where the configuration is compiled
    #: Makes its pool where that is in this process; None: a protocol is spoken to it.  What ``pool`` is then is the matter of that pool.
    make_pool: Callable[[Any, Any], Pool] | None = None
    zone: str = ""  #: where it is; empty: nobody says
    metadata: Mapping[str, bytes] = {}  #: what it is (``policy.subsets``); nobody changes it
    is_awaited: bool = False  #: of what stands for the members of a list: none has come yet


class Endpoint:
    """Live state of one endpoint in one worker."""

    __slots__ = (
        "_plane",
        "_standing",
        "authority",
        "base",
        "ejection",
        "in_hand",
        "is_retired",
        "key",
        "members",
        "name",
        "place",
        "pool",
        "settings",
        "ssl",
        "troubles",
        "weight",
    )

    def __init__(
        self,
        key: EndpointKey,
        settings: EndpointSettings,
        members: Members,
        plane: Plane,
        make_pool: Callable[[Endpoint, Plane], Pool],
    ) -> None:
        """``members``: of its service; ``make_pool``: of the protocol that is spoken there."""
        self.key = key
        self.name = str(key.configured)  #: as the configuration has it
        self.place = str(key.address) if key.name is not None else self.name  #: its address
        self.authority = b"localhost" if key.address.path else self.name.encode()
        self.members = members
        self.ejection = MemberState(is_proven=key.name is None)
        self.settings = settings
        self.weight = settings.weight
        self.ssl = settings.context
        self.in_hand = 0  #: exchanges on its connections or waiting for one: the measure of ``least_request``
        self.base = ENDPOINT.base(key.slot)
        self.pool = make_pool(self, plane)
        self.is_retired = False  #: no snapshot names it any more: nobody sweeps it
        self.troubles: Troubles | None = None  #: what is wrong with it, as far as the log is concerned; None: nothing
        self._plane = plane
        self._standing: Standing | None = None

    @property
    def member(self) -> tuple[str, str, str]:
        """What it is called where it is told of: service, endpoint, address."""
        return self.key.service, self.name, self.place

    def apply(self, settings: EndpointSettings) -> None:
        """A snapshot that says this of it was installed; its next connections use the new certificates."""
        self.weight = settings.weight
        self.ssl = settings.context
        self.settings = settings
        self.pool.apply(settings.pool)

    def failed(self, error: GatewayError) -> None:
        """A request failed here, or a connection that nobody waited for could not be opened: let the log tell."""
        now = self._plane.now
        if self.troubles is None:
            self.troubles = Troubles(self.key.service, self.name, self._plane.report, self.place)
        self.troubles.failed(error, now)
        if self.is_retired:
            self.troubles.tell(now)

    def unconnected(self, error: GatewayError) -> None:
        """A connection that nobody waited for could not be opened."""
        if not self.members.unconnected(self, error, self._plane.now):
            self.failed(error)

    def retire(self) -> None:
        """No snapshot names it any more: what is under way here ends, and is told about at once."""
        self.is_retired = True
        self.pool.retire()
        self.members.retire(self)
        self.tell()

    def tell(self) -> None:
        """Nobody sweeps it from now on: let the log tell what waits."""
        if self.troubles is not None:
            self.troubles.tell(self._plane.now)

    def connected(self) -> None:
        """A connection was opened."""
        now = self._plane.now
        self.note(None)
        if self.troubles is not None:
            self.troubles.connected(now)
        self.members.connected(self, now)

    def answered(self) -> None:
        """A request was answered, completely.  Told only while there are ``troubles``: without any there is nothing to disprove."""
        if self.troubles is not None:
            self.troubles.answered(self._plane.now)
        self.ejection.failures = 0

    def note(self, error: GatewayError | None) -> None:
        """Tell the supervisor how connecting went, if that is news."""
        told = (USED,) if error is None else (FAILING, error.code, error.reason)
        standing = Standing(*self.member, *told)
        if standing != self._standing:
            self._standing = standing
            if self._plane.on_standing is not None and not self.is_retired:
                self._plane.on_standing(standing)

    def sweep(self, now: float) -> None:
        """Do what is due; ``now`` in coarse loop time."""
        self.pool.sweep(now)
        if self.ejection.is_ejected:
            self.members.retry(self, now)
        if self.troubles is not None and not self.troubles.sweep(now):
            self.troubles = None

    def __repr__(self) -> str:
        return f"<Endpoint {self.key.service}/{self.place} in_hand={self.in_hand} {self.pool!r}>"

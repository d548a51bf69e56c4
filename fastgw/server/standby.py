"""What a worker has prepared and does not serve yet, and the lists of members that come meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from fastgw.core.live.news import MemberNews
from fastgw.core.opening.opening import Terms
from fastgw.core.snapshot.snapshot import Service, Snapshot

if TYPE_CHECKING:
    from fastgw.config.spec import GatewaySpec
    from fastgw.core.dataplane import DataPlane

Heard = Mapping[str, tuple[MemberNews, ...]]  #: members by service


class Standby(NamedTuple):
    """A configuration that is prepared and waits for its commit."""

    generation: int
    spec: GatewaySpec
    snapshot: Snapshot
    terms: dict[str, Terms]  #: of listeners that have some, by name
    changed: tuple[Service, ...] = ()  #: whose members the swap has to change


class HeardLists:
    """Lists that are heard while a configuration is compiled, which was sent before them."""

    __slots__ = ("_heard",)

    def __init__(self) -> None:
        self._heard: dict[str, tuple[MemberNews, ...]] = {}

    def begin(self) -> None:
        """A configuration has come, with whoever was listed then."""
        self._heard.clear()

    def take(self, lists: Heard, plane: DataPlane, standby: Standby | None) -> None:
        """Members were listed: they are those of what is served, and of what is prepared, or will be."""
        if not lists:
            return
        self._heard.update(lists)
        plane.take_lists(lists)
        if standby is not None:
            standby.snapshot.take_lists(lists)

    def complete(self, snapshot: Snapshot) -> None:
        """Have what was compiled know what was heard meanwhile."""
        snapshot.take_lists(self._heard)

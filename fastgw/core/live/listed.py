"""Members that are listed somewhere else than in the configuration: what of them stands in both.

A list is told to the worker as ``MemberNews`` (``server.discovering``), at any time, and replaces the one before.  A member that stays
keeps its connections; who leaves finishes what is under way there.  Of thousands of members one has changed, as a rule: the others are
the very entries of before, by which ``live.registry`` knows that nothing is to be done for them.  Beside the members stands an endpoint
for the list itself, the waiting room of those that come before the first list (``live.waiting``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fastgw.core.live.endpoint import EndpointKey, EndpointSettings
from fastgw.core.live.waiting import ListRoom
from fastgw.core.settings import LISTED, Address

if TYPE_CHECKING:
    from fastgw.core.live.news import MemberNews
    from fastgw.core.live.registry import Roster
    from fastgw.core.settings import UpstreamTls


class MemberTemplate:
    """What the configuration says of every member of a list."""

    __slots__ = ("_entries", "_fixed", "_protocol", "_room", "_service", "_settings", "_tls")

    def __init__(
        self,
        service: str,
        tls: UpstreamTls | None,
        settings: EndpointSettings,
        fixed: Roster,
        slot: int,
        protocol: str = "http/1.1",
    ) -> None:
        """``settings``: of each member, apart from what the list says; ``fixed``: members that are in the configuration; ``slot``: the
        block of counters of who waits for the list; ``protocol``: that all of them speak."""
        self._protocol = protocol
        self._service = service
        self._tls = tls
        self._settings = settings
        self._fixed = fixed
        self._room = EndpointKey(service, Address(inside=LISTED), None, slot)
        self._entries: dict[MemberNews, tuple[EndpointKey, EndpointSettings]] = {}  # of the last list

    def roster(self, members: Iterable[MemberNews] | None) -> Roster:
        """The endpoints of the service with these members; None: no list has come yet.

        Where a member of the list is in the configuration too that says what it is."""
        is_awaited = members is None
        known = {key.address for key, _ in self._fixed}
        room = self._settings._replace(make_pool=ListRoom, is_awaited=is_awaited)
        before = self._entries
        self._entries = {
            one: before.get(one) or self._member(one) for one in members or () if not known or one.address not in known
        }
        return (*self._fixed, *self._entries.values(), (self._room, room))

    def _member(self, news: MemberNews) -> tuple[EndpointKey, EndpointSettings]:
        metadata = {name: value.encode() for name, value in news.metadata}
        settings = self._settings._replace(weight=news.weight, zone=news.zone, metadata=metadata)
        return EndpointKey(self._service, news.address, self._tls, news.slot, self._protocol), settings

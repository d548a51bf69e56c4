"""A source of which not everybody is taken for a member: those at addresses where none may be are skipped, and so counted and told."""

from __future__ import annotations

from collections.abc import Callable

from fastgw.core.settings import Address
from fastgw.discovery.listing import Listing, Skipped, Source, Tell


class BoundedSource:
    """What another source lists, without some; a ``Source``."""

    def __init__(self, source: Source, against: Callable[[Address], str]) -> None:
        """``against``: why nobody may be a member at an address; empty: somebody may."""
        self._source, self._against = source, against

    def __str__(self) -> str:
        """See ``Source``."""
        return str(self._source)

    async def watch(self, tell: Tell) -> None:
        """See ``Source``.

        Raises:
            SourceError: as the other one.
        """
        await self._source.watch(lambda listing: tell(self._bounded(listing)))

    def _bounded(self, listing: Listing) -> Listing:
        reasons = {one.address: self._against(one.address) for one in listing.members}
        outside = tuple(Skipped(str(address), reason) for address, reason in reasons.items() if reason)
        if not outside:
            return listing
        members = tuple(one for one in listing.members if not reasons[one.address])
        return listing._replace(members=members, skipped=(*listing.skipped, *outside))

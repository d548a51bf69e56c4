"""A source of which not everybody is taken."""

from __future__ import annotations

import asyncio

from fastgw.core.settings import Address
from fastgw.discovery.bounded import BoundedSource
from fastgw.discovery.listing import ListedMember, Listing, Skipped, Tell


class Lists:
    """A source that says two things, and ends."""

    def __init__(self, *listings: Listing) -> None:
        self._listings = listings

    def __str__(self) -> str:
        return "a list"

    async def watch(self, tell: Tell) -> None:
        for one in self._listings:
            tell(one)


def test_members_where_none_may_be_are_skipped_with_the_reason() -> None:
    one, two = ListedMember(Address("10.0.0.1", 80)), ListedMember(Address("169.254.169.254", 80))
    told = list[Listing]()
    source = BoundedSource(
        Lists(Listing((one,), revision="1"), Listing((one, two), (Skipped("x", "y"),), "2")),
        lambda address: "no" if address.host.startswith("169.") else "",
    )
    asyncio.run(source.watch(told.append))
    assert str(source) == "a list"
    assert told == [
        Listing((one,), revision="1"),
        Listing((one,), (Skipped("x", "y"), Skipped("169.254.169.254:80", "no")), "2"),
    ]

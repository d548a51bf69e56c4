"""A source that is asked once, and left alone afterwards."""

from __future__ import annotations

import asyncio

import pytest

from fastgw.discovery.listing import Listing, Source, SourceError, Tell, listed, listing
from fastgw.discovery.once import first_listing

LISTED = listing([listed("10.0.0.1:80")])


class Told(Source):
    """Tells ``listings``, then goes on; or raises, or ends."""

    def __init__(self, *listings: Listing, error: Exception | None = None, goes_on: bool = True) -> None:
        self.listings, self.error, self.goes_on = listings, error, goes_on
        self.is_over = False

    async def watch(self, tell: Tell) -> None:
        try:
            for one in self.listings:
                tell(one)
            if self.error is not None:
                raise self.error
            if self.goes_on:
                await asyncio.Event().wait()
        finally:
            self.is_over = True

    def __str__(self) -> str:
        return "told here"


def test_the_first_listing_counts_and_the_source_ends() -> None:
    source = Told(LISTED, listing([]))
    assert asyncio.run(first_listing(source)) is LISTED
    assert source.is_over


def test_a_listing_counts_although_the_source_fails_behind_it() -> None:
    assert asyncio.run(first_listing(Told(LISTED, error=SourceError("refused", "gone")))) is LISTED


def test_what_cannot_be_asked_says_why() -> None:
    with pytest.raises(SourceError, match="no such user"):
        asyncio.run(first_listing(Told(error=SourceError("denied", "no such user"))))
    with pytest.raises(SourceError, match="told here ended without a list"):
        asyncio.run(first_listing(Told(goes_on=False)))


def test_nothing_goes_on_when_nobody_waits_any_more() -> None:
    source = Told()

    async def story() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await first_listing(source)
        assert source.is_over

    asyncio.run(story())

"""One question to a source, for those who look once (``fastgw check --online``)."""

from __future__ import annotations

import asyncio

from fastgw.discovery.listing import Listing, Source, SourceError


async def first_listing(source: Source) -> Listing:
    """What ``source`` lists now; nothing of it goes on afterwards, nor when this is cancelled.

    Raises:
        SourceError: it cannot be asked, and why.
    """
    told: asyncio.Future[Listing] = asyncio.get_running_loop().create_future()

    def tell(listing: Listing) -> None:
        if not told.done():
            told.set_result(listing)

    watch = asyncio.ensure_future(source.watch(tell))
    try:
        await asyncio.wait((told, watch), return_when=asyncio.FIRST_COMPLETED)
        if not told.done():
            watch.result()  # raises what has ended it
            raise SourceError("ended", f"{source} ended without a list")
        return told.result()
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)

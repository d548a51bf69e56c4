"""Descriptors that a transcoder has by server reflection: asked for when it begins, and again and again, off the request path.

Each worker asks by itself.  The last that were found stay when the server does not answer, and over a reload; a request that comes before
the first were found waits for them, as long as its filter may.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from fastgw.core.calls import CallError
from fastgw.core.grpc_calls import GrpcCaller
from fastgw.core.settings import Url
from fastgw.errors import FilterUnavailableError
from fastgw.transcoding.catalog import Catalog, CatalogError
from fastgw.transcoding.methods import Methods
from fastgw.transcoding.reflection import reflected
from fastgw.transcoding.shapes import JsonOptions

_LIMIT: Final = 10.0  #: seconds of a call
_LARGEST: Final = 16 << 20  #: bytes of an answer
_FIRST_RETRY: Final = 1.0  #: seconds
_MOST_KEPT: Final = 64  #: places of which descriptors stay over a reload


class ReflectingServer(NamedTuple):
    """Whom a transcoder asks, and for what."""

    url: Url
    services: tuple[str, ...]


Find = Callable[[ReflectingServer], Awaitable[bytes]]  #: asks for the descriptor set of a place

_KEPT: dict[ReflectingServer, bytes] = {}  # of this process, the last that were found


class Reflected:
    """The methods of one place."""

    def __init__(
        self,
        place: ReflectingServer,
        refresh: float,
        options: JsonOptions,
        find: Find | None = None,
        kept: dict[ReflectingServer, bytes] = _KEPT,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``refresh``: seconds between two times that it is asked.  ``kept``: what was found before."""
        self._place = place
        self._refresh = refresh
        self._options = options
        self._find = find or found_at
        self._kept = kept
        self._sleep = sleep
        self._made_of = b""
        self._reason = "it has not answered yet"
        self._is_known: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self.methods: Methods | None = None  #: None: nobody knows yet
        if place in kept:
            self._take(kept[place])

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to ask."""
        self._is_known = asyncio.Event()
        self._task = loop.create_task(self._keep())

    def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()

    async def known(self) -> Methods:
        """The methods, as soon as they are there; who asks has a bound for that.

        Raises:
            FilterUnavailableError: they will not be there soon.
        """
        if self.methods is None and self._is_known is not None:
            await self._is_known.wait()
        if self.methods is None:
            detail = "nobody knows yet what the services here can be asked"
            reason = f"{self._place.url}: {self._reason}"
            raise FilterUnavailableError(503, "descriptors_unknown", detail, reason=reason)
        return self.methods

    async def _keep(self) -> None:
        assert self._is_known is not None
        failed = 0
        while True:
            try:
                self._take(await self._find(self._place))
                failed = 0
            except Exception as error:  # noqa: BLE001  whatever it is, it is asked again
                failed += 1
                self._reason = str(error) if isinstance(error, CallError | CatalogError) else repr(error)
            self._is_known.set()  # who waits is told
            pause = min(_FIRST_RETRY * 2.0 ** min(failed - 1, 10), self._refresh) if failed else self._refresh
            await self._sleep(pause)

    def _take(self, data: bytes) -> None:
        """Know what is in a descriptor set.

        Raises:
            CatalogError: nothing can be made of it.
        """
        if data == self._made_of:
            return
        self.methods = Methods(Catalog(data), self._options, self._place.services)
        self._made_of = data
        if len(self._kept) < _MOST_KEPT or self._place in self._kept:
            self._kept[self._place] = data


async def found_at(place: ReflectingServer) -> bytes:
    """The descriptor set of ``place``.

    Raises:
        CallError: it does not answer.
        CatalogError: what it says makes none.
    """
    try:
        caller = GrpcCaller(place.url, _LIMIT, _LARGEST)
    except OSError as error:
        raise CallError("tls", f"{place.url.ca} cannot be used: {error}") from None
    with contextlib.closing(caller):
        return await reflected(caller.ask, place.services)

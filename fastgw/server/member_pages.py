"""What members of services say of themselves on a page of theirs, read again and again, once for all workers.

One task for each service looks at all its members every ``interval``, at the same time; what it reads the workers are told at once, and it
is good for ``GOOD_FOR`` intervals.  A member that does not answer, or answers something else, is not told of: what was read before ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from fastgw.config.spec import GatewaySpec, ServiceSpec
from fastgw.core.calls import AsMember, Caller, CallError
from fastgw.core.settings import Address, Url
from fastgw.policy.engines import GOOD_FOR
from fastgw.server.log import Log

LARGEST: Final = 4 * 1024 * 1024  #: bytes of a page
AT_ONCE: Final = 64  #: looks under way
JITTER: Final = 0.1  #: part of an interval by which chance shortens it, so that gateways do not stay in step

Member = tuple[str, str]  #: service and address
P = TypeVar("P")


class PageTerms(Protocol):
    """What the configuration says of the page; times in seconds."""

    @property
    def path(self) -> str:
        """Of the page."""

    @property
    def port(self) -> int | None:
        """Where it is; None: at the port of the endpoint."""

    @property
    def interval(self) -> float:
        """Between two looks."""

    @property
    def timeout(self) -> float:
        """Of one."""


class Looked(Generic[P]):
    """What is known of one member."""

    def __init__(self) -> None:
        self.page: P | None = None  #: what it has said last
        self.until = 0.0  #: monotonic seconds
        self.cause = "pending"  #: why it could not be read the last time, in a word; empty: it could
        self.detail = "it was not read yet"
        self.caller: Caller | None = None
        self.made_for: GatewaySpec | None = None  #: the configuration by which the caller has read its files


class MemberPages(Generic[P]):
    """All of the configuration in use, of one kind of page; a subclass says which, and reads them."""

    accepts: ClassVar[bytes]
    failed: ClassVar[str]  #: the event where a page cannot be read
    works: ClassVar[str]  #: where it can again

    def __init__(
        self,
        on_news: Callable[[str, dict[str, tuple[P, float]]], None],
        places: Callable[[], Mapping[tuple[str, str], Any]],
        log: Log,
        random: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is looked at yet.

        Args:
            on_news: called with a service and all that is good of it, by address, with until when it is.
            places: returns the addresses of each endpoint, by its service and its name.
            log: of the supervisor.
            random: returns numbers of [0, 1).
            clock: returns monotonic seconds.
        """
        self._on_news = on_news
        self._places = places
        self._log = log
        self._random = random
        self._clock = clock
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[ServiceSpec, asyncio.Task[None]] = {}
        self._known: dict[Member, Looked[P]] = {}
        self._spec: GatewaySpec | None = None

    def terms(self, service: ServiceSpec) -> PageTerms | None:
        """Where the members of ``service`` have the page; None: it is not one of those that are looked at."""
        raise NotImplementedError

    def read(self, service: ServiceSpec, body: bytes) -> P:
        """What a page says.

        Raises:
            ValueError: it cannot be used.
        """
        raise NotImplementedError

    def said(self, page: P) -> dict[str, Any]:
        """The same for people."""
        raise NotImplementedError

    def keep(self, spec: GatewaySpec) -> None:
        """Look at the services of ``spec`` that have such pages, and at no others.

        The files of TLS are read anew where it is another configuration, an equal one too, as workers do."""
        self._spec = spec
        wanted = {one._replace(listed=None) for one in spec.services if self.terms(one) is not None}
        for one in [one for one in self._tasks if one not in wanted]:
            self._tasks.pop(one).cancel()
            self._forget(one.name, ())  # where it stays it has other terms
        for one in wanted:
            if one not in self._tasks:
                self._tasks[one] = asyncio.get_running_loop().create_task(self._watch(one))

    def close(self) -> None:
        """Look at nothing any more."""
        for task in self._tasks.values():
            task.cancel()
        for looked in self._known.values():
            if looked.caller is not None:
                looked.caller.close()

    def document(self, service: str) -> dict[str, Any]:
        """What is known of its members, by address, for people."""
        now = self._clock()
        return {place: self._document(one, now) for (name, place), one in self._known.items() if name == service}

    async def _watch(self, service: ServiceSpec) -> None:
        terms = self.terms(service)
        assert terms is not None
        while True:
            began = self._clock()
            try:
                await self.look(service)
            except Exception as error:  # noqa: BLE001  whatever it is, they are looked at again
                self._log.error("members cannot be looked at", service=service.name, error=repr(error))
            pause = terms.interval * (1 - JITTER * self._random())
            await asyncio.sleep(max(0.0, began + pause - self._clock()))

    async def look(self, service: ServiceSpec) -> None:
        """Read the pages of all members, and tell what they say."""
        places = [one for (name, _), found in self._places().items() if name == service.name for one in found]
        self._forget(service.name, places)
        await asyncio.gather(*(self._read(service, place) for place in places))
        now = self._clock()
        known = {place: self._known[service.name, place] for place in places if (service.name, place) in self._known}
        self._on_news(
            service.name,
            {place: (one.page, one.until) for place, one in known.items() if one.page is not None and now < one.until},
        )

    async def _read(self, service: ServiceSpec, place: str) -> None:
        terms = self.terms(service)
        assert terms is not None
        looked = self._known.setdefault((service.name, place), Looked())
        fields = {"service": service.name, "address": place}
        try:
            async with self._room:
                page = await self._page(service, terms, place, looked)
        except Exception as error:  # noqa: BLE001  whatever it is, the others are told of
            cause, detail = (error.cause, str(error)) if isinstance(error, CallError) else ("failed", repr(error))
            if cause != looked.cause:
                self._log.warning(self.failed, **fields, cause=cause, detail=detail)
            looked.cause, looked.detail = cause, detail
            return
        if looked.cause not in ("", "pending"):
            self._log.info(self.works, **fields)
        looked.page, looked.cause, looked.detail = page, "", ""
        looked.until = self._clock() + GOOD_FOR * terms.interval

    async def _page(self, service: ServiceSpec, terms: PageTerms, place: str, looked: Looked[P]) -> P:
        if looked.caller is not None and service.tls is not None and looked.made_for is not self._spec:
            looked.caller.close()
            looked.caller = None
        if looked.caller is None:
            looked.caller, looked.made_for = _caller(service, terms, place), self._spec
        answer = await looked.caller.call(b"GET", ((b"accept", self.accepts),))
        url = looked.caller.url
        if answer.status != 200:
            raise CallError("status", f"{url} answered {answer.status}")
        try:
            return self.read(service, answer.body)
        except ValueError as error:
            raise CallError("content", f"what {url} answered cannot be used: {error}") from None

    def _document(self, one: Looked[P], now: float) -> dict[str, Any]:
        is_good = one.page is not None and now < one.until
        said = self.said(one.page) if one.page is not None and is_good else {}
        state = "good" if is_good else "stale"
        return {"state": state, **said, "cause": one.cause or None, "detail": one.detail or None}

    def _forget(self, service: str, kept: Any) -> None:
        for member in [one for one in self._known if one[0] == service and one[1] not in kept]:
            looked = self._known.pop(member)
            if looked.caller is not None:
                looked.caller.close()


def _caller(service: ServiceSpec, page: PageTerms, place: str) -> Caller:
    """Who asks the member at ``place``, an address as text, as requests are sent to it."""
    host, _, port = place.rpartition(":")
    address = Address(host.strip("[]"), page.port or int(port))
    terms = AsMember(None, address.host)
    if service.tls is not None:
        from fastgw.config.tls import client_context

        try:
            terms = AsMember(client_context(service.tls), service.tls.server_name or address.host)
        except OSError as error:
            raise CallError("tls", f"the files of services.{service.name}.tls cannot be used: {error}") from None
    url = Url(service.tls is not None, address.host, address.port, page.path)
    return Caller(url, page.timeout, LARGEST, as_member=terms)

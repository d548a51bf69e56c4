"""The passing instances of a service of Consul, by blocking queries.

A question with the index of the last answer is answered when the service has changed since, or when ``wait`` is over.  What Consul asks
of those who do so (developer.hashicorp.com/consul/api-docs/features/blocking):

- an index that goes backwards (a restored or wiped cluster) is forgotten: the next question does not wait
- an index is never less than 1, or the question would never wait
- an answer is no proof of a change; who keeps a source compares
- the server adds up to a sixteenth of ``wait`` by chance: we wait that much longer
- questions are paced, since whatever changes all the time answers all the time

It never ran against a real Consul, but against a stand-in that keeps these rules.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastgw.core.calls import Answered, Caller
from fastgw.core.sources import ConsulSettings
from fastgw.discovery.listing import ListedMember, Listing, Skipped, SourceError, Tell, listed, listing
from fastgw.discovery.registries import Throttle, calling, mapping, read_json, said, text, usable_metadata

BURST: Final = 2  #: questions without a pause
PACE: Final = 0.25  #: seconds between any others


class ConsulSource:
    """The passing instances of one service."""

    def __init__(
        self,
        settings: ConsulSettings,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``sleep``, ``clock``: seconds, monotonic."""
        self._settings = settings
        self._sleep = sleep
        self._clock = clock

    def __str__(self) -> str:
        is_tls, host, port = self._settings.endpoint
        place = f"[{host}]" if ":" in host else host
        return f"consul http{'s' if is_tls else ''}://{place}:{port} {self._settings.service}"

    async def watch(self, tell: Tell) -> None:
        """See ``Source``; tells with each answer."""
        settings = self._settings
        pace = Throttle(BURST, PACE, self._clock)
        index = 0
        with calling(settings.endpoint, settings.tls, settings.wait * 17 / 16 + settings.timeout) as caller:
            while True:
                if wait := pace.take():
                    await self._sleep(wait)
                answer = await self._ask(caller, index)
                tell(self._listing(answer))
                index = self._next(index, answer)

    async def _ask(self, caller: Caller, index: int) -> Answered:
        settings = self._settings
        query = [("passing", "1"), *(("tag", one) for one in settings.tags)]
        optional = {"dc": settings.datacenter, "ns": settings.namespace, "filter": settings.filter}
        query += [(name, value) for name, value in optional.items() if value]
        if index:
            query += [("index", str(index)), ("wait", f"{max(1, round(settings.wait))}s")]
        target = f"/v1/health/service/{quote(settings.service, safe='')}?{urlencode(query)}"
        fields = [(b"x-consul-token", settings.token.encode())] if settings.token else []
        try:
            answer = await caller.call(b"GET", fields, target=target)
        except ValueError as error:
            raise SourceError("denied", f"the token of {self} cannot be sent: {error}") from None
        if answer.status != 200:
            raise self._refusal(answer)
        return answer

    def _refusal(self, answer: Answered) -> SourceError:
        detail = f"{self} answered {answer.status}: {said(answer.body)}"
        if answer.status in (401, 403):
            needed = f'service:read of "{self._settings.service}" and node:read'
            return SourceError("denied", f"{detail}; the token needs {needed}")
        return SourceError("unavailable" if answer.status == 429 or answer.status >= 500 else "rejected", detail)

    def _next(self, index: int, answer: Answered) -> int:
        """The index for the next question; 0: it does not wait."""
        new = _index(answer)
        if new is None:
            raise SourceError("broken", f"{self} answered without an X-Consul-Index: is it Consul?")
        new = max(new, 1)
        return 0 if new < index else new

    def _listing(self, answer: Answered) -> Listing:
        entries = read_json(answer.body, str(self))
        if not isinstance(entries, list):
            raise SourceError("broken", f"{self} answered something that is no list of instances")
        members: list[ListedMember] = []
        skipped: list[Skipped] = []
        for place, entry in enumerate(entries, 1):
            try:
                members.append(_member(entry))
            except ValueError as error:
                skipped.append(
                    Skipped(text(mapping(mapping(entry).get("Service")).get("ID")) or f"entry {place}", str(error))
                )
        return listing(members, skipped, f"index {_index(answer)}")


def _index(answer: Answered) -> int | None:
    for value in answer.values(b"x-consul-index"):
        if value.isdigit() and len(value) <= 20:
            return int(value)
    return None


def _member(entry: Any) -> ListedMember:
    """The member that an instance is; raises ValueError."""
    service, node = mapping(mapping(entry).get("Service")), mapping(mapping(entry).get("Node"))
    if not service:
        raise ValueError("says nothing of a service")
    port = service.get("Port")
    if isinstance(port, bool) or not isinstance(port, int) or not port:
        raise ValueError("has no port")
    of_service, of_node = mapping(service.get("Meta")), mapping(node.get("Meta"))
    of_place = {"node": node.get("Node"), "version": of_node.get("version")}
    metadata = usable_metadata(of_service, of_place)
    zone = usable_metadata(of_service, of_node).get("zone", "")
    weight = mapping(service.get("Weights")).get("Passing", 1) or 1
    return listed(text(service.get("Address")) or text(node.get("Address")), weight, zone, metadata, port)

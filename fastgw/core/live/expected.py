"""What services are expected to have under way in this hour, as the supervisor forecasts it, and what follows that.

Two things may (``pool.warm: forecast``, ``admission.limit.adaptive.start: forecast``): how many connections are open before anybody asks,
and where a limit that is learned begins.  Both look here when the registry is swept, four times a second, so it does not matter in which
order forecasts, configurations and members come.  Connections are opened a few at a time: hundreds of handshakes at once would hold up
everybody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.settings import AS_FORECAST

if TYPE_CHECKING:
    from fastgw.core.live.gate import ServiceGate

STEP: Final = 4  #: connections that are opened to one endpoint at a sweep


class Expected:
    """What one worker was told."""

    __slots__ = ("_new", "_workers", "exchanges")

    def __init__(self) -> None:
        self.exchanges: Mapping[str, float] | None = (
            None  #: under way in all workers, by service; None: nobody forecasts
        )
        self._workers = 1
        self._new: set[str] = set()

    def learn(self, exchanges: Mapping[str, float], workers: int, new: Iterable[str]) -> None:
        """``workers``: that share them; ``new``: services of which the gateway has known nothing since its start."""
        self.exchanges = exchanges
        self._workers = workers
        self._new |= set(new)

    def sweep(self, endpoints: Iterable[Any], gates: Mapping[str, ServiceGate]) -> None:
        """Let all that follow it do so now.  Asked only where there are forecasts."""
        for endpoint in endpoints:
            settings = endpoint.settings
            if settings.pool.warm == AS_FORECAST and settings.make_pool is None and not endpoint.key.is_room:
                self._warm(endpoint)
        for name, count in (self.exchanges or {}).items():
            gate = gates.get(name)
            if gate is not None:
                gate.expect(ceil(count), is_news=name in self._new)
        self._new.clear()

    def _warm(self, endpoint: Any) -> None:
        """The part of one endpoint and this worker, by weight; the pool opens what it does not have, within its own bound."""
        pool, total = endpoint.pool, sum(one.weight for one in endpoint.members.all)
        count = (self.exchanges or {}).get(endpoint.key.service, 0.0)
        part = count / self._workers * endpoint.weight / total if total else 0.0
        wanted = min(ceil(part / pool.each), pool.size + STEP)
        if pool.settings.warm != wanted:
            pool.settings = pool.settings._replace(warm=wanted)


EXPECTED: Final = Expected()  #: of this worker

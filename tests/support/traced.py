"""A data plane whose exchanges are recorded, and what was recorded of them."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from fastgw.core.settings import TraceSettings
from fastgw.filters.tracing import Tracing
from fastgw.testing.edge import Edge

TRACE = b"4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = b"00f067aa0ba902b7"
PARENT = b"00-%b-%b-01" % (TRACE, SPAN)


class Span(NamedTuple):
    """One that was recorded."""

    name: str
    kind: int
    id: bytes
    above: bytes
    began: int
    ended: int
    is_failed: bool
    told: str
    attributes: tuple[tuple[str, Any], ...]
    links: tuple[tuple[bytes, bytes, int], ...]

    @property
    def said(self) -> dict[str, Any]:
        """Its attributes."""
        return dict(self.attributes)

    @property
    def seconds(self) -> float:
        """How long it was."""
        return round((self.ended - self.began) / 1e9, 3)


class Traced(NamedTuple):
    """One exchange."""

    id: bytes
    flags: int
    state: bytes
    spans: list[Span]

    @property
    def whole(self) -> Span:
        """The span of the exchange itself."""
        return self.spans[-1]

    def named(self, *names: str) -> list[Span]:
        """Those of these names."""
        return [one for one in self.spans if one.name in names]


class _Late:
    """Stands for a ``Tracing`` of a plane that is not made yet."""

    name = "telemetry.traces"
    traces = True
    tracing: Tracing

    def request(self, exchange: Any) -> None:
        self.tracing.request(exchange)

    def done(self, exchange: Any) -> None:
        self.tracing.done(exchange)

    def on_ask(self, exchange: Any) -> None:
        self.tracing.on_ask(exchange)

    def on_carrier(self, exchange: Any) -> None:
        self.tracing.on_carrier(exchange)

    def on_answer(self, exchange: Any) -> None:
        self.tracing.on_answer(exchange)

    def on_failure(self, exchange: Any, error: Any) -> None:
        self.tracing.on_failure(exchange, error)


def _chance(numbers: Iterable[int] | None) -> Callable[[int], bytes]:
    found = range(1, 500) if numbers is None else (*numbers, *range(1000, 1500))
    return lambda _: b"".join(one.to_bytes(8, "big") for one in found)


class TracedEdge(Edge):
    """See ``Edge``; ``sample`` and ``parents`` as the file has them."""

    def __init__(
        self,
        sample: float = 1.0,
        parents: str = "trusted",
        filters: Iterable[Any] = (),
        service: dict[str, Any] | None = None,
        numbers: Iterable[int] | None = None,
        **options: Any,
    ) -> None:
        """``numbers``: what chance gives, of 64 bits, by default 1, 2, 3 and so on: two are the id of a trace, one that of a span."""
        late = _Late()
        super().__init__(filters=[late, *filters], service={**(service or {}), "witness": late}, **options)
        self.tracing = late.tracing = Tracing(self.plane, TraceSettings(sample, parents), _chance(numbers))
        self.offers: list[Any] = []
        self.is_taking = True
        self.plane.offer = self._offer

    def _offer(self, message: Any) -> bool:
        if self.is_taking:
            self.offers.append(message)
        return self.is_taking

    def end(self) -> None:
        """See ``Edge``."""
        self.tracing.stop()
        super().end()

    def recorded(self) -> list[Traced]:
        """All exchanges so far that were."""
        self.loop.advance(0.2)
        found = [marshal.loads(record) for message in self.offers for record in message.records]
        return [Traced(one[0], one[1], one[2], [Span(*span) for span in one[3]]) for one in found]

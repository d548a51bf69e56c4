"""Which endpoint takes the next exchange, by what inference engines say of themselves, beside how fast each has answered of late.

As ``policy.ewma``: of two candidates drawn by chance the one of less cost.  What is multiplied with the seconds to the head of its answers
is not what this worker has in hand there, but what the engine has, from whomever:

    running + ``WAITING`` x waiting, as it was read, and what this worker has sent or got back since
    divided by the part of its memory for keys and values that is free, ``LEAST_FREE`` at least

A reading is good until a time; then, and before there is one, what is in hand counts alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from fastgw.policy.engines import REPORTED, Load, reported
from fastgw.policy.ewma import PeakEwma

WAITING: Final = (
    3.0  #: how much worse than one that is running a request is that waits: where one waits there is no room
)
LEAST_FREE: Final = 0.05


class EngineReading:
    """What one engine has said last."""

    __slots__ = ("base", "load", "queue", "room", "until")

    def __init__(self, load: Load, until: float) -> None:
        self.load = load
        self.queue = load.running + WAITING * load.waiting
        self.room = max(LEAST_FREE, 1.0 - load.usage)
        self.until = until  #: monotonic seconds
        self.base = -1  #: what this worker had in hand there when it was first used; -1: it was not yet


def reading_of(
    report: Mapping[str, float], before: EngineReading | None, in_hand: int, now: float, until: float
) -> EngineReading:
    """What an engine says in a load report (``wire.load_report``) with an answer to this worker.

    What the report does not tell is as it was known ``before``, if that is good still, with what this worker has sent and got back since;
    else nothing but what it has ``in_hand`` there is known to run.

    Raises:
        ValueError: it says nothing that counts, or a usage of more than 1.
    """
    said = reported(report)
    known = before.load if before is not None and now <= before.until else Load(REPORTED, in_hand)
    since = in_hand - before.base if before is not None and known is before.load and before.base >= 0 else 0
    reading = EngineReading(
        Load(
            REPORTED,
            max(0.0, known.running + since) if said.running is None else said.running,
            known.waiting if said.waiting is None else said.waiting,
            known.usage if said.usage is None else said.usage,
        ),
        until,
    )
    reading.base = in_hand
    return reading


class Readings:
    """Those of one worker: by service, and by address of an endpoint."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, EngineReading]] = {}

    def of(self, service: str) -> dict[str, EngineReading]:
        """Those of one service, now and later."""
        return self._known.setdefault(service, {})

    def learn(self, service: str, news: Mapping[str, tuple[Load, float]]) -> None:
        """Take all that was read of pages, and until when each is good; what is not there any more is forgotten, but not what was said
        with answers."""
        known = self.of(service)
        for place in [place for place, one in known.items() if place not in news and one.load.kind != REPORTED]:
            del known[place]
        for place, (load, until) in news.items():
            before = known.get(place)
            if before is None or before.until != until:
                known[place] = EngineReading(load, until)

    def retain(self, services: Collection[str]) -> None:
        """Forget all but those of these services."""
        self._known = {service: found for service, found in self._known.items() if service in services}


READINGS: Final = Readings()  #: those of this process


class EngineAware(PeakEwma):
    """The balancer."""

    __slots__ = ("_readings",)

    def __init__(
        self, random: Callable[[], float], clock: Callable[[], float], readings: Mapping[str, EngineReading]
    ) -> None:
        """``readings``: by address, which others write."""
        super().__init__(random, clock)
        self._readings = readings

    def _load(self, candidate: Any, now: float) -> float:
        seconds = self._seconds(candidate, now)
        in_hand = candidate.in_hand
        reading = self._readings.get(candidate.place)
        if reading is None or now > reading.until:
            return seconds * (in_hand + 1) / candidate.weight  # type: ignore[no-any-return]
        if reading.base < 0:
            reading.base = in_hand
        queue = max(in_hand, reading.queue + in_hand - reading.base)
        return seconds * (queue + 1) / (candidate.weight * reading.room)  # type: ignore[no-any-return]

"""Which endpoint takes the next exchange, by how fast each has answered of late: Peak EWMA (Finagle, ``PeakEwmaLoadBalancer``).

The cost of a candidate is an average of the seconds to the head of its answers, of which each weighs half as much as one that came
``HALF_LIFE`` later.  A slower answer than the average takes its place at once (the *peak*): what turns slow is left soon, and comes back
gradually, as its cost fades while nobody asks.  Of two candidates drawn by chance the one is taken whose cost, times the exchanges in hand
and this one, is less for its weight.

    failures        count as ``FAILED`` seconds at least: refusing is fast, and nothing to be rewarded
    answers of 5xx  never make a candidate look faster than it did
    no answer yet   one exchange is let through, and the others wait for what comes of it: ``UNKNOWN`` seconds
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

HALF_LIFE = 5.0  #: seconds
FAILED = 1.0  #: seconds that a try costs which ends without an answer
UNKNOWN = 1e6  #: the cost of one that has not answered yet and has been asked
FAST_FOR_NOTHING = 500  #: the least status of answers that say that there is none

_DECAY = math.log(2) / HALF_LIFE


class _Cost:
    """What is known of one candidate."""

    __slots__ = ("at", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0  #: 0: nothing
        self.at = 0.0  #: when it was that


class PeakEwma:
    """The balancer; it is told how tries end (``settle``)."""

    __slots__ = ("_clock", "_costs", "_random")

    def __init__(self, random: Callable[[], float], clock: Callable[[], float]) -> None:
        """``random``: [0, 1); ``clock``: seconds."""
        self._random = random
        self._clock = clock
        self._costs: dict[Any, _Cost] = {}

    def pick(self, candidates: Sequence[Any]) -> Any:
        """Take one of the candidates, of which there is at least one."""
        count = len(candidates)
        if count == 1:
            return candidates[0]
        where = self._random() * count  # the whole part is one of them, what is left of it another
        place = int(where)
        other = int((where - place) * (count - 1))
        first, second = candidates[place], candidates[other if other < place else other + 1]
        now = self._clock()
        return second if self._load(second, now) < self._load(first, now) else first

    def _load(self, candidate: Any, now: float) -> float:
        in_hand, weight = candidate.in_hand, candidate.weight
        return self._seconds(candidate, now) * (in_hand + 1) / weight  # type: ignore[no-any-return]

    def _seconds(self, candidate: Any, now: float) -> float:
        """To the head of its answers, as it is known."""
        cost = self._costs.get(candidate)
        if cost is None or cost.seconds == 0.0:
            return UNKNOWN if candidate.in_hand else 0.0
        return cost.seconds * math.exp((cost.at - now) * _DECAY)

    def settle(self, endpoint: Any, outcome: Any, seconds: float) -> None:
        """A try is over: ``outcome``, a status or an error, was there after ``seconds``; 0: nothing was sent.

        What a client has broken off says how long it took at least.
        """
        cost = self._costs.get(endpoint)
        if cost is None:
            # Endpoints that are gone for good must not be held.
            self._costs = {one: known for one, known in self._costs.items() if not one.is_retired}
            cost = self._costs[endpoint] = _Cost()
        now = self._clock()
        faded = cost.seconds * math.exp((cost.at - now) * _DECAY)
        if isinstance(outcome, int):
            is_least = outcome >= FAST_FOR_NOTHING
        else:
            is_least = True
            if outcome.fault == "upstream":
                seconds = max(seconds, FAILED)
        if seconds > faded:
            cost.seconds = seconds
        elif not is_least:
            part = math.exp((cost.at - now) * _DECAY)
            cost.seconds = cost.seconds * part + seconds * (1.0 - part)
        else:
            return
        cost.at = now

"""May one more request be sent again?  What is sent again in some time is at most a share of what comes in that time.

    spent in the last WINDOW seconds  <=  share * requests in the last WINDOW seconds

Requests are counted when they are sent for the first time, whatever becomes of them.  A share of those *in hand* would shrink just when it
is needed: who has failed and waits to be sent again is in nobody's hand.

How many requests there were is a counter that somebody keeps in any case, and that is read only when one is to be sent again: the others
cost nothing.  So what is known of it are *samples*, taken whenever that happens; where the last one is older than the window, requests are
thought to have come evenly since.
"""

from __future__ import annotations

from collections import deque

WINDOW = 10.0  #: seconds
STEP = 0.5  #: seconds between two samples, at least


class Budget:
    """What may be spent on sending the requests of one service again; times are seconds of any clock that does not go back."""

    __slots__ = ("_samples", "_spent", "floor_time", "share")

    def __init__(self, share: float, requests: int, now: float) -> None:
        """``share``: 0 to 1; ``requests``: how many there were before ``now``."""
        self.share = share
        self.floor_time = 0  #: of the bucket beside the share (``policy.gcra``), where no board has it
        self._spent = 0
        self._samples: deque[tuple[float, int, int]] = deque([(now, requests, 0)])  # time, requests, spent by then

    def admit(self, requests: int, now: float) -> bool:
        """Spend one more, if that is left at ``now``, by when there were ``requests`` in all."""
        if self.left(requests, now) < 1.0:
            return False
        self._spent += 1
        return True

    def left(self, requests: int, now: float) -> float:
        """How many may be spent; below 0: more were than may be now."""
        samples = self._samples
        if now - samples[-1][0] >= STEP:
            samples.append((now, requests, self._spent))
        while len(samples) > 1 and samples[1][0] <= now - WINDOW:
            samples.popleft()
        began, before, spent = samples[0]
        came = float(max(0, requests - before))
        if now - began > WINDOW:
            came *= WINDOW / (now - began)
        return self.share * came - (self._spent - spent)

"""How requests are divided among the versions of a service: whole numbers of ``WHOLE``, side by side in the order of the versions.

The sides are rounded, and not the shares: so a share that grows takes in all that it had, and whoever was with this version stays there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

WHOLE: Final = 1_000_000


def shares(weights: Sequence[int]) -> tuple[int, ...]:
    """``weights``, of which one is above 0, as shares of ``WHOLE``."""
    total = sum(weights)
    return _between([WHOLE * side // total for side in accumulate(weights, initial=0)])


def promoted(now: Sequence[int], configured: Sequence[int], place: int, share: int) -> tuple[int, ...]:
    """The shares ``now`` with ``share`` at ``place``.

    The others divide the rest as they do now; where they have nothing, as ``configured``; where that gives them nothing either, evenly.
    One that is alone has all.
    """
    if len(now) == 1:
        return (WHOLE,)
    ratio = next(found for kind in (now, configured, (1,) * len(now)) if any(found := _without(kind, place)))
    total, rest = sum(ratio), WHOLE - share
    sides = [rest * side // total for side in accumulate(ratio, initial=0)]
    return _between([*sides[: place + 1], *(side + share for side in sides[place + 1 :])])


def _without(weights: Sequence[int], place: int) -> list[int]:
    return [0 if one == place else weight for one, weight in enumerate(weights)]


def _between(sides: Sequence[int]) -> tuple[int, ...]:
    return tuple(right - left for left, right in pairwise(sides))

"""What an operator has said of versions, kept in a file: read at the start, replaced as a whole, and never the reason not to start."""

from __future__ import annotations

import json
import math
from typing import Any, Final, NamedTuple

from fastgw.policy.rollout import RolloutTerms
from fastgw.policy.shares import WHOLE
from fastgw.server.whole_file import read_whole, replace_whole

FORMAT: Final = 1  #: of the file; another one is not read
LARGEST: Final = 1 << 20  #: bytes
HISTORY: Final = 16  #: how many steps back there are, at most


class Underway(NamedTuple):
    """A version on its way through the steps."""

    version: str
    step: int  #: from 0
    terms: RolloutTerms  #: as the file said when it began


class Remembered(NamedTuple):
    """What is kept of one service; shares by version, in the order of the file."""

    shares: dict[str, int]
    before: tuple[dict[str, int], ...] = ()  #: the shares before each change, the last one last
    changed: float = 0.0  #: seconds since 1970
    plan: Underway | None = None  #: that is under way
    outcome: str = ""  #: how the last one ended


def read(path: str) -> tuple[dict[str, Remembered], str]:
    """What the file says by service, and what is wrong with it; nothing is wrong where there is none."""
    return read_whole(path, LARGEST, lambda data: understood(json.loads(data)), f"state of version {FORMAT}")


def write(path: str, kept: dict[str, Remembered]) -> None:
    """Replace the file, for its owner alone, so that a power cut leaves the old one or the new one.

    Raises:
        OSError: it stays as it is.
    """
    replace_whole(path, json.dumps(plain(kept), indent=1).encode())


def understood(tree: Any) -> dict[str, Remembered]:
    """What a tree of ``plain`` says; raise ValueError, KeyError, TypeError or OverflowError."""
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise ValueError("it says another format")
    return {str(name): _kept(one) for name, one in dict(tree["services"]).items()}


def _kept(tree: Any) -> Remembered:
    before = [_shares(one) for one in list(tree["before"])[-HISTORY:]]
    plan = _plan(tree["plan"]) if tree.get("plan") is not None else None
    shares = _shares(tree["shares"])
    if any(one.keys() != shares.keys() for one in before) or (plan is not None and plan.version not in shares):
        raise ValueError("versions are named that have no share")
    return Remembered(shares, tuple(before), float(tree["changed"]), plan, str(tree.get("outcome", "")))


def plain(kept: dict[str, Remembered]) -> dict[str, Any]:
    """All of it as plain data."""
    return {"format": FORMAT, "services": {name: _told(one) for name, one in kept.items()}}


def _told(kept: Remembered) -> dict[str, Any]:
    found = kept._asdict()
    if kept.plan is not None:
        found["plan"] = kept.plan._asdict() | {"terms": kept.plan.terms._asdict()}
    return found


def _plan(tree: Any) -> Underway:
    said = tree["terms"]
    numbers = [float(said[key]) for key in ("every", "max_error_rate", "max_p99", "min_requests")]
    steps = tuple(int(one) for one in said["steps"])
    step = int(tree["step"])
    if (
        not 0 <= step < len(steps)
        or not all(0 < one <= WHOLE for one in steps)
        or not all(math.isfinite(one) for one in numbers)
    ):
        raise ValueError("a plan has a step that there is not")
    return Underway(
        str(tree["version"]), step, RolloutTerms(steps, numbers[0], numbers[1], numbers[2], int(numbers[3]))
    )


def _shares(tree: Any) -> dict[str, int]:
    found = dict(tree)
    if not all(type(one) is int and 0 <= one <= WHOLE for one in found.values()) or sum(found.values()) != WHOLE:
        raise ValueError(f"shares are not whole numbers with the sum {WHOLE}")
    return found

"""How much of what in what time, as limits of model servers are written: ``100000/m`` tokens, ``12.50/30d`` of cost.

Costs are counted in millionths of the currency that prices are in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fastgw.policy.amounts import MOST
from fastgw.policy.leases import MOST as LEASED_MOST

TOKENS: Final = "tokens"  #: of the prompt, and those that are generated
PROMPT: Final = "prompt_tokens"
COMPLETION: Final = "completion_tokens"
REQUESTS: Final = "requests"
COST: Final = "cost"
#: What each of them counts of a reservation.
ONE, BOTH, PROMPT_PART, COMPLETION_PART, COST_PART = range(5)
AT_ONE_TIME: Final = "at one time"  #: requests under way, which is said by ``max``
UNITS: Final = (TOKENS, PROMPT, COMPLETION, REQUESTS, COST)

LIMITS_MAX: Final = 8  #: of one filter
MAXIMUM: Final = "maximum"  #: what a request reserves for its answer: as much as it allows,
LEARNED: Final = "learned"  #: or what answers had of late
MICRO: Final = 1_000_000
LONGEST: Final = 366 * 86400  #: seconds of a time
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
#: Windows of the calendar, which stand in the place of so many seconds: all of it is there again when the next one begins.
HOUR, DAY, WEEK, MONTH = -1, -2, -3, -4
WINDOWS: Final = {HOUR: "hour", DAY: "day", WEEK: "week", MONTH: "month"}
LENGTHS: Final = {HOUR: 3600, DAY: 86400, WEEK: 7 * 86400, MONTH: 31 * 86400}  #: seconds, at most
_WORDS: Final = {word: window for window, word in WINDOWS.items()}
_TIMES: Final = f"(?:[0-9]{{0,3}}[smhd]|{'|'.join(_WORDS)})"
PATTERN: Final = rf"[0-9]{{1,12}}(\.[0-9]{{1,6}})? ?/ ?{_TIMES}"
_RATE: Final = re.compile(rf"([0-9]{{1,12}})(?:\.([0-9]{{1,6}}))? ?/ ?({_TIMES})").fullmatch
_NUMBER: Final = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,6}))?").fullmatch
_WANTED: Final = "100000/m, 5000000/d, 300/month or, of cost, 12.50/30d"


def block_of(size: int, seconds: int) -> int:
    """How much of a limit is leased at once, unless it is said: a tenth.  Of a window a hundredth, as what a gateway has leased of it and
    does not need is there for no other before it is over."""
    return min(max(1, size // (100 if seconds in WINDOWS else 10)), LEASED_MOST)


def read_rate(text: str) -> tuple[int, int]:
    """Millionths, and in how many seconds, or in which of the ``WINDOWS``.

    Raises:
        ValueError: it is no rate.
    """
    match = _RATE(text)
    if match is None:
        raise ValueError(f"expected a rate such as {_WANTED}")
    if match[3] in _WORDS:
        return _micro(match[1], match[2]), _WORDS[match[3]]
    seconds = int(match[3][:-1] or 1) * _SECONDS[match[3][-1]]
    if not 1 <= seconds <= LONGEST:
        raise ValueError("expected a time from a second to 366 days")
    return _micro(match[1], match[2]), seconds


def read_amount(text: str) -> int:
    """Millionths.

    Raises:
        ValueError: it is no number above 0.
    """
    match = _NUMBER(text)
    if match is None:
        raise ValueError("expected a number such as 20000 or, of cost, 2.50")
    return _micro(match[1], match[2])


def counted(micro: int, unit: str) -> int:
    """So many millionths as ``unit`` is counted: cost in millionths, and everything else whole.

    Raises:
        ValueError: it is no whole number, or more than can be counted.
    """
    if unit == COST:
        found = micro
    else:
        found, rest = divmod(micro, MICRO)
        if rest:
            raise ValueError(f"{unit} are whole numbers")
    if found > MOST:
        raise ValueError(f"expected at most {shown(MOST, unit)}")
    return found


def shown(amount: int, unit: str) -> str:
    """What is counted, for people."""
    if unit != COST:
        return str(amount)
    return f"{amount / MICRO:.6f}".rstrip("0").rstrip(".")


def rate_text(count: int, seconds: int, unit: str) -> str:
    """A rate, for people: ``100000 tokens/m``."""
    if seconds in WINDOWS:
        return f"{shown(count, unit)} {unit}/{WINDOWS[seconds]}"
    letter = next(one for one, size in reversed(_SECONDS.items()) if seconds % size == 0)
    many = seconds // _SECONDS[letter]
    return f"{shown(count, unit)} {unit}/{many if many > 1 else ''}{letter}"


def limit_text(options: Mapping[str, Any]) -> str:
    """A limit of ``options``, for people and metrics: ``100000 tokens/m per key``; its burst where that is another."""
    (count, seconds), unit = options["rate"], options["unit"]
    if unit == AT_ONE_TIME:
        return f"{count} requests {unit} per {_of_whom(options)}"
    burst = options["burst"] or count
    at_once = f" (burst {shown(burst, unit)})" if burst != count else ""
    return f"{rate_text(count, seconds, unit)}{at_once} per {_of_whom(options)}"


def _of_whom(options: Mapping[str, Any]) -> str:
    """A limit of one model has its name there: others say the same of theirs."""
    only = options.get("only", "")
    return " and ".join(f"model {only}" if only and one == "model" else one for one in options["per"])


def _micro(whole: str, fraction: str | None) -> int:
    found = int(whole) * MICRO + int((fraction or "").ljust(6, "0"))
    if not found:
        raise ValueError("expected more than 0")
    return found

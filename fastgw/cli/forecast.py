"""``fastgw forecast``: what services are expected to be asked for in the next hours, as a running gateway has learned it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastgw.cli.asking import asked
from fastgw.cli.parts import add_gateway

_ABOUT = """\
Show what a running gateway expects of its services in the next 24 hours: requests a second and exchanges under way, as means of
each hour, and an interval that nine of ten hours shall lie in.  The configuration must have "forecast".

Exit code: 0 shown; 1 it cannot be asked, or forecasts nothing; 2 wrong arguments."""

_EXAMPLES = """\
examples:
  fastgw forecast -c gateway.yaml
  fastgw forecast -c gateway.yaml llm
  fastgw forecast -c gateway.yaml llm --json | jq '.requests_per_second | max_by(.high).high'"""

_WIDTH: Final = 40  #: characters of the longest bar


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    add_gateway(parser)
    parser.add_argument("service", nargs="?", metavar="SERVICE", help="one alone, hour by hour")


def run(options: argparse.Namespace) -> int:
    """Show it; return the exit code."""
    answer = asked(options.config, options.socket, {"do": "status"})
    if answer is None:
        return 1
    found = (answer.get("status") or {}).get("forecast")
    if found is None:
        print("fastgw: this gateway forecasts nothing: give its configuration forecast: {}", file=sys.stderr)
        return 1
    services = found["services"]
    if options.service is not None and options.service not in services:
        print(f"fastgw: no forecast of {options.service!r}; there are {', '.join(services) or 'none'}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(found if options.service is None else services[options.service], indent=2))
        return 0
    if found["error"]:
        print(f"! nothing is kept: {found['error']}")
    print(*(_overview(services) if options.service is None else _hourly(services[options.service])), sep="\n")
    return 0


def _overview(services: Mapping[str, Any]) -> Iterator[str]:
    yield f"{'SERVICE':24} {'NEXT HOUR':>22} {'MOST IN 24 H':>22} {'CONCURRENCY IN 24 H':>22}  LEARNED FROM"
    for name, one in services.items():
        rate, active = one["requests_per_second"], one["concurrency"]
        cells = [_range(rate[0]), _range(_top(rate)), _range(_top(active))] if rate else ["-", "-", "-"]
        learned = f"{one['hours']} h" + (f", {one['needed_hours']} h more are needed" if one["needed_hours"] else "")
        yield f"{name:24} " + " ".join(f"{cell:>22}" for cell in cells) + f"  {learned}"
    for name, one in services.items():
        yield from _followed(name, one)


def _followed(name: str, one: Mapping[str, Any]) -> Iterator[str]:
    """What follows the forecast, in words."""
    if one["follow"]:
        what = " and ".join(
            {"warm": "warm connections", "start": "where its limit begins"}[each] for each in one["follow"]
        )
        now = "nothing yet" if one["followed"] is None else f"{_short(one['followed'])} exchanges under way"
        yield f"{name} expects {now}, for {what}"


def _hourly(one: Mapping[str, Any]) -> Iterator[str]:
    if not one["requests_per_second"]:
        yield f"learned from {one['hours']} h; {one['needed_hours']} h more are needed"
        return
    yield from _followed("it", one)
    most = max(each["high"] for each in one["requests_per_second"]) or 1.0
    yield f"{'HOUR (UTC)':16} {'REQUESTS/S':>10} {'LOW':>10} {'HIGH':>10} {'CONCURRENCY':>12}"
    for rate, active in zip(one["requests_per_second"], one["concurrency"], strict=True):
        bar = "#" * round(rate["expected"] / most * _WIDTH)
        rest = "-" * (round(rate["high"] / most * _WIDTH) - len(bar))
        hour = rate["at"][:16].replace("T", " ")
        figures = " ".join(f"{_short(rate[key]):>10}" for key in ("expected", "low", "high"))
        yield f"{hour:16} {figures} {_short(active['expected']):>12}  {bar}{rest}"


def _top(ahead: list[Any]) -> Any:
    return max(ahead, key=lambda one: one["expected"])


def _range(one: Mapping[str, Any]) -> str:
    return f"{_short(one['expected'])} ({_short(one['low'])}-{_short(one['high'])})"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"

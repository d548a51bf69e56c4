"""``fastgw limits``: what is left of limits of models for a key, a user or a model, as a running gateway counts them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fastgw.cli.asking import asked
from fastgw.cli.parts import add_gateway

_ABOUT = """\
Show what is left of the limits of filters token_limit for whom is said, and in what time all of it is there again.  Shown are
limits that count for exactly whom is said: those per key with --key, those per key and model with both, and those of all
always.  Nothing is taken by asking.

Exit code: 0 shown; 1 it cannot be asked, or does not know who that is; 2 wrong arguments."""

_EXAMPLES = """\
examples:
  fastgw limits -c gateway.yaml --key ann
  fastgw limits -c gateway.yaml --key ann --model gpt-oss --label team=search
  fastgw limits -c gateway.yaml --key ann --json | jq 'min_by(.left / .amount)'"""

_WIDTH: Final = 20  #: characters of the bar of a limit of which all is left
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"))


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    add_gateway(parser)
    for word, whose in (("key", "the key of this name"), ("user", "this user"), ("model", "this entry of models")):
        parser.add_argument(f"--{word}", metavar="NAME", help=f"those of {whose}")
    parser.add_argument(
        "--label", action="append", default=[], metavar="NAME=VALUE", help="such as team=search; may be repeated"
    )


def run(options: argparse.Namespace) -> int:
    """Show it; return the exit code."""
    of = [[word, name] for word in ("key", "user", "model") if (name := getattr(options, word)) is not None]
    of += [["label", one] for one in options.label]
    answer = asked(options.config, options.socket, {"do": "limits", "of": of})
    if answer is None:
        return 1
    if not answer.get("ok"):
        print(f"fastgw: {answer.get('detail', 'it does not say why')}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(answer["limits"], indent=2))
    elif answer["limits"]:
        print(*_table(answer["limits"]), sep="\n")
    else:
        print("no limit counts for whom was said")
    return 0


def _table(limits: Sequence[dict[str, Any]]) -> Iterator[str]:
    wide = max(len("LIMIT"), *(len(one["limit"]) for one in limits))
    named = max(len("FILTER"), *(len(one["filter"]) for one in limits))
    yield f"{'FILTER':{named}}  {'LIMIT':{wide}}  {'LEFT':>14}  {'ALL OF IT IN':>12}"
    for one in limits:
        share = max(0.0, min(1.0, one["left"] / one["amount"]))
        bar = "#" * round(share * _WIDTH)
        whole = _time(one["whole_in"])
        line = f"{one['filter']:{named}}  {one['limit']:{wide}}  {_figure(one['left']):>14}  {whole:>12}  {bar}"
        yield line.rstrip()


def _figure(value: int | float) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def _time(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds > 0 else "-"

"""``fastgw reload``: have a running gateway load its file again, and wait for what comes of it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from fastgw.cli.asking import asked
from fastgw.cli.parts import add_gateway

RELOAD_LIMIT: Final = 180.0  #: seconds: one that is under way, and ours behind it

_ABOUT = """\
Have a running gateway load its file again, and wait until every worker serves it.  Prints what has changed.  A file with
mistakes is refused, with each mistake and its line, and the old configuration stays in use.
With --wait-guard it also waits until the guard of the reload is over (reload.guard of the file).
Exit code: 0 the file is in use; 1 it is not, and why; 2 wrong arguments."""

_EXAMPLES = """\
examples:
  fastgw reload -c gateway.yaml
  fastgw reload -c gateway.yaml --wait-guard && echo deployed
  ExecReload=/usr/local/bin/fastgw reload --socket /run/fastgw/gateway.sock       in a systemd unit"""


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    add_gateway(parser)
    parser.add_argument(
        "--wait-guard", action="store_true", help="wait until the guard is over; 1 if the gateway went back"
    )


def run(options: argparse.Namespace) -> int:
    """Reload, print what came of it, and return the exit code."""
    request: dict[str, object] = {"do": "reload"}
    if options.wait_guard:
        request["wait_guard"] = True
    answer = asked(options.config, options.socket, request, None if options.wait_guard else RELOAD_LIMIT)
    if answer is None:
        return 1
    if options.json:
        print(json.dumps(answer, indent=2))
    elif answer.get("ok"):
        print(*_told(answer), sep="\n")
        if guard := answer.get("guard"):
            print(f"guard: {guard['state']}: {guard['reason']}")
        for warning in answer["warnings"]:
            print(f"warning: {warning}", file=sys.stderr)
    else:
        print(f"fastgw: {answer.get('detail', answer)}", file=sys.stderr)
    return 0 if answer.get("ok") else 1


def _told(answer: Mapping[str, Any]) -> list[str]:
    changes = answer["changes"]
    if not changes:
        return [f"generation {answer['generation']}: nothing differs; files that it names were read again"]
    return [f"generation {answer['generation']}: {len(changes)} change{'s' if len(changes) != 1 else ''}", *changes]

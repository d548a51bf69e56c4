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
SHOWN: Final = 5  #: differences that a rehearsal has found

_ABOUT = """\
Have a running gateway load its file again, and wait until every worker serves it.  Prints what has changed.  A file with
mistakes is refused, with each mistake and its line, and the old configuration stays in use.
With reload.rehearse of the file, requests that were recorded are led through it first; if too many of those that were answered would
not be any more it is refused, unless --force says that this is meant.
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
        "--force", action="store_true", help="use it even if a rehearsal (reload.rehearse) would have it refused"
    )
    parser.add_argument(
        "--wait-guard", action="store_true", help="wait until the guard is over; 1 if the gateway went back"
    )


def run(options: argparse.Namespace) -> int:
    """Reload, print what came of it, and return the exit code."""
    request: dict[str, object] = {"do": "reload"}
    if options.wait_guard:
        request["wait_guard"] = True
    if options.force:
        request["force"] = True
    answer = asked(options.config, options.socket, request, None if options.wait_guard else RELOAD_LIMIT)
    if answer is None:
        return 1
    if options.json:
        print(json.dumps(answer, indent=2))
    elif answer.get("ok"):
        print(*_told(answer), sep="\n")
        if rehearsal := answer.get("rehearsal"):
            print(*rehearsal_lines(rehearsal), sep="\n")
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


def rehearsal_lines(rehearsal: Mapping[str, Any]) -> list[str]:
    """What came of recorded requests, for people."""
    lost = [f"  {one['count']} lost: {one['reason']}" for one in rehearsal.get("losses", ())[:SHOWN]]
    changes = [f"  {one['count']} {'; '.join(one['lines'][:SHOWN])}" for one in rehearsal.get("changes", ())[:SHOWN]]
    return [f"rehearsal: {rehearsal['state']}: {rehearsal['reason']}", *lost, *changes]

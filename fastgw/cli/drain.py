"""``fastgw drain``: have a running gateway finish what is under way and end."""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
from typing import Final

from fastgw.cli.asking import asked
from fastgw.cli.parts import add_gateway

LATE: Final = 5.0  #: seconds behind the grace that it may take

_ABOUT = """\
Have a running gateway finish what is under way and end, as SIGTERM does, and wait until it has ended.  Asking again hurries
nobody.  Under a unit that restarts what ends, use "systemctl stop".
Exit code: 0 it has ended (with --no-wait: it drains); 1 not, and why; 2 wrong arguments."""

_EXAMPLES = """\
examples:
  fastgw drain -c gateway.yaml
  fastgw drain --socket /run/fastgw/gateway.sock --no-wait"""


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    add_gateway(parser)
    parser.add_argument("--no-wait", action="store_true", help="return when it has begun")


def run(options: argparse.Namespace) -> int:
    """Drain; return the exit code."""
    answer = asked(options.config, options.socket, {"do": "drain"})
    if answer is None:
        return 1
    if options.json:
        print(json.dumps(answer, indent=2))
    if not answer.get("ok"):
        if not options.json:
            print(f"fastgw: {answer.get('detail', answer)}", file=sys.stderr)
        return 1
    if options.no_wait or _has_ended(answer["pid"], answer["grace"] + LATE):
        return 0
    print(f"fastgw: process {answer['pid']} has not ended {LATE:g} s behind its grace", file=sys.stderr)
    return 1


def _has_ended(pid: int, limit: float) -> bool:
    """Wait for the end of a process that is no child of ours, ``limit`` seconds at most."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], limit)[0])
    finally:
        os.close(process)

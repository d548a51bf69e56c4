"""``fastgw upgrade``: have a running gateway start the code that is on the disk, hand over to it, and drain."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Final

from fastgw.cli.asking import asked
from fastgw.cli.parts import add_gateway

UPGRADE_LIMIT: Final = 120.0  #: seconds: more than the gateway itself waits

_ABOUT = """\
Have a running gateway start itself anew, with the code and the configuration that are on the disk, hand its sockets and counters
over, and drain.  No connection is lost.  If the new process does not become ready the old one goes on as it was.
Returns when the new one serves; the old one may still drain then.
Exit code: 0 the new process serves; 1 the old one goes on, and why; 2 wrong arguments."""

_EXAMPLES = """\
examples:
  pip install --upgrade fastgw && fastgw upgrade -c gateway.yaml
  fastgw upgrade --socket /run/fastgw/gateway.sock"""


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    add_gateway(parser)


def run(options: argparse.Namespace) -> int:
    """Upgrade, print what came of it, and return the exit code."""
    answer = asked(options.config, options.socket, {"do": "upgrade"}, UPGRADE_LIMIT)
    if answer is None:
        return 1
    if options.json:
        print(json.dumps(answer, indent=2))
    elif answer.get("ok"):
        print(
            f"fastgw {answer['version']}, process {answer['pid']}, serves: {answer['workers']} workers, generation "
            f"{answer['generation']}, counters {answer['counters']}; process {answer['predecessor']} drains"
        )
    else:
        print(f"fastgw: {answer.get('detail', answer)}", file=sys.stderr)
    return 0 if answer.get("ok") else 1

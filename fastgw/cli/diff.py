"""``fastgw diff``: what one configuration does otherwise than another, in words."""

from __future__ import annotations

import argparse
import json
import os
import sys

from fastgw.errors import ConfigError

_ABOUT = """\
Tell what changes from one configuration to another: listeners, routes, services, endpoints, filters and limits that are
added, removed or changed, one line each, with what was and what is.  Both files are checked first.  What is compared is what
they mean, with every default filled in: order of keys, comments and spelling make no difference.  Secrets are not shown, but
that one has changed is.

Exit code: 0 they mean the same; 1 they differ; 2 one of them cannot be used, or the arguments are wrong."""

_EXAMPLES = """\
examples:
  fastgw diff /etc/fastgw/gateway.yaml new.yaml
  git show HEAD:gateway.yaml | fastgw diff - gateway.yaml          standard input"""


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    parser.add_argument("old", metavar="OLD", help="the configuration before; - is standard input")
    parser.add_argument("new", metavar="NEW", help="the one after; - is standard input")
    parser.add_argument("--json", action="store_true", help="for tools: a list of lines")


def run(options: argparse.Namespace) -> int:
    """Print it; return the exit code."""
    from fastgw.config.changes import changes
    from fastgw.config.load import STANDARD_INPUT, load

    if options.old == options.new == STANDARD_INPUT:
        print("fastgw diff: only one of the two can be standard input", file=sys.stderr)
        return 2
    found = []
    for path in (options.old, options.new):
        try:
            found.append(load(path, os.environ))
        except ConfigError as error:
            print(error, file=sys.stderr)
    if len(found) < 2:
        return 2
    told = changes(*found)
    if options.json:
        print(json.dumps(told, indent=2))
    elif told:
        print(*told, sep="\n")
    return 1 if told else 0

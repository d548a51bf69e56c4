"""``fastgw doctor``: everything that a configuration refers to, tried: what works, what does not and why, and what expires when."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence, Sized
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fastgw.cli.parts import add_file
from fastgw.errors import ConfigError

if TYPE_CHECKING:
    from fastgw.cli.online import Online
    from fastgw.cli.tries import Referred
    from fastgw.config.load import Inspection
    from fastgw.config.spec import GatewaySpec

SOON: Final = 30 * 86400  #: seconds before something expires in which that is a warning
LONGEST: Final = 60.0  #: seconds of all tries

_ABOUT = """\
Try everything that a configuration refers to, once and at the same time, as the gateway would: each member of each service
(with its TLS, and its probe where the service has health), registries, Redis, sets of keys, who judges tokens and requests, the
collector; addresses that must be free, room on the disks that are written to; and the gateway that runs with it, if one does.
Each line says what works and how fast, or what does not and why; at the end stands what expires when.

Nothing is changed, and no request of a client's kind is sent.

Exit code: 0 everything can be used, with or without warnings; 1 something cannot, or there are warnings under --strict;
2 wrong arguments."""

_EXAMPLES = """\
examples:
  fastgw doctor gateway.yaml
  fastgw doctor --quiet gateway.yaml                      what is wrong, and nothing else
  fastgw doctor --format json gateway.yaml | jq .expiries"""


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    add_file(parser, "the configuration")
    parser.add_argument(
        "--socket", metavar="PATH", help="the admin socket of the gateway, if it is not that of the file"
    )
    parser.add_argument("--strict", action="store_true", help="count warnings as mistakes")
    parser.add_argument("--quiet", action="store_true", help="show only what is wrong")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json: for tools, on stdout")


def run(options: argparse.Namespace) -> int:
    """Try, and print it; return the exit code."""
    from fastgw.config.load import inspect

    try:
        found = inspect(options.config, os.environ, time.time())
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    if found.spec is None or found.document is None:
        print(*found.problems, sep="\n", file=sys.stderr)
        print(f"{options.config}: {_count(found.problems, 'mistake')}: nothing was tried", file=sys.stderr)
        return 1
    from fastgw.cli.online import look

    looked = look(found.spec, found.document, lambda spec: all_references(spec, options.socket), LONGEST)
    expiries = _expiries(looked, time.time())
    soon = [one for one in expiries if one["days"] * 86400 < SOON]
    warnings = [*found.warnings, *looked.warnings]
    is_fine = not looked.problems and not (options.strict and (warnings or soon))
    if options.format == "json":
        told = {"file": options.config, "ok": is_fine, "references": looked.records, "expiries": expiries}
        print(json.dumps(told, indent=2))
        return 0 if is_fine else 1
    _print(options, found, looked, expiries)
    parts = [f"{len(looked.records)} tried", f"{len(looked.problems)} cannot be used", _count(warnings, "warning")]
    parts += [f"{len(soon)} expiring soon"] if soon else []
    print(f"{options.config}: {', '.join(parts)}")
    return 0 if is_fine else 1


def all_references(spec: GatewaySpec, socket: str | None) -> list[Referred]:
    """All that is tried; ``socket``: where the gateway can be asked, if not where ``spec`` says."""
    from fastgw.cli.local_tries import local_references
    from fastgw.cli.member_tries import member_references
    from fastgw.cli.references import references

    return [*local_references(spec, _status(socket or spec.admin_socket)), *references(spec), *member_references(spec)]


def _status(socket: str) -> dict[str, Any] | None:
    """What the gateway that runs says of itself; None: none runs."""
    from fastgw.cli.asking import question

    if not socket:
        return None
    try:
        answer = question(socket, {"do": "status"}, 5.0)
    except (OSError, ValueError):
        return None
    return answer["status"] if answer.get("ok") else None


def _expiries(looked: Online, now: float) -> list[dict[str, Any]]:
    """What ends, the first first."""
    found = sorted({one for tried in looked.tried for one in tried.expiries}, key=lambda one: (one.at, one.what))
    return [
        {
            "what": one.what,
            "at": datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "days": round((one.at - now) / 86400, 1),
        }
        for one in found
    ]


def _print(options: argparse.Namespace, found: Inspection, looked: Online, expiries: Sequence[dict[str, Any]]) -> None:
    if not options.quiet:
        print(*looked.fine, sep="\n", end="\n" if looked.fine else "")
    for warning in (*found.warnings, *looked.warnings):
        print(warning._replace(path=f"warning: {warning.path}"))
    for problem in looked.problems:
        print(problem._replace(path=f"failed: {problem.path}"))
    for line in _lines(expiries, options.quiet):
        print(line)


def _lines(expiries: Sequence[dict[str, Any]], is_quiet: bool) -> Iterator[str]:
    for one in expiries:
        if one["days"] * 86400 < SOON or not is_quiet:
            when = "has expired" if one["days"] < 0 else f"in {one['days']:.0f} days"
            yield f"expires {one['at'][:10]} ({when}): {one['what']}"


def _count(things: Sized, name: str) -> str:
    return f"{len(things)} {name}" + ("" if len(things) == 1 else "s")

"""``fastgw top``: how a running gateway is, live."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastgw.cli.asking import socket_of
from fastgw.cli.parts import add_gateway

if TYPE_CHECKING:
    from fastgw.cli.looks import Look, Looks

FIRST: float = 25.0  #: seconds until the first look must have come
_ABOUT = """\
Show how a running gateway is, once a second: what is wrong, requests, errors and latencies of each route over the last five to ten
seconds, members with their state and why, workers.  Asked at its admin socket; a gateway that is gone is waited for.
Needs the extra top (pip install 'fastgw[top]'), but for --json.

Keys: q ends it, s sorts routes by the next column, space holds the picture.

Exit code: 0 it was shown; 1 it cannot be asked; 2 wrong arguments, or the extra is missing."""

_EXAMPLES = """\
examples:
  fastgw top -c gateway.yaml
  fastgw top -c gateway.yaml --once            print it once, as where there is no terminal
  fastgw top -c gateway.yaml --json            one look, for tools"""


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    add_gateway(parser)
    parser.add_argument("--once", action="store_true", help="print it once and end")
    parser.add_argument("--sort", choices=("rate", "errors", "p99", "active", "name"), default="rate", help="routes by")


def run(options: argparse.Namespace) -> int:
    """Show it; return the exit code."""
    if not options.json:
        try:
            import rich  # noqa: F401
        except ImportError:
            print("fastgw top: needs the package rich: pip install 'fastgw[top]'", file=sys.stderr)
            return 2
    path = options.socket if options.socket is not None else socket_of(options.config)
    if not path:
        return 1
    from fastgw.cli.looks import Looks

    with contextlib.closing(Looks(path)) as looks:
        return _shown(looks, path, options)


def _shown(looks: Looks, path: str, options: argparse.Namespace) -> int:
    is_once = options.once or options.json or not (sys.stdin.isatty() and sys.stdout.isatty())
    first = looks.next(FIRST)
    if is_once and isinstance(first, dict):
        first = looks.next(FIRST)  # of which the second knows what has happened since
    if not isinstance(first, dict):
        print(f"fastgw: no gateway can be asked at {path}: {first or 'it did not answer in time'}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(first, indent=2))
    elif is_once:
        _print(first, options.sort)
    else:
        _live(looks, first, options.sort)
    return 0


def _print(look: Look, sort: str) -> None:
    from rich.console import Console

    from fastgw.cli.top_view import view

    width = None if sys.stdout.isatty() else 200
    Console(width=width, highlight=False).print(view(look, sort, "", 10_000))


def _live(looks: Looks, look: Look, sort: str) -> None:
    from rich.console import Console
    from rich.live import Live

    from fastgw.cli.top_view import SORTS, view

    names, gone, is_held = list(SORTS), "", False
    console = Console(highlight=False)
    with (
        _single_keys(),
        Live(console=console, screen=True, auto_refresh=False) as live,
        contextlib.suppress(KeyboardInterrupt),
    ):
        while True:
            live.update(view(look, sort, gone, console.size.height), refresh=True)
            key = _key(0.2)
            if key in ("q", "\x1b", "\x04"):
                return
            if key == "s":
                sort = names[(names.index(sort) + 1) % len(names)]
            is_held ^= key == " "
            while (found := looks.next(0.001)) is not None:
                if isinstance(found, str):
                    gone = found
                elif not is_held:
                    look, gone = found, ""


def _key(limit: float) -> str:
    """What was pressed within ``limit`` seconds, if anything."""
    if not select.select([0], [], [], limit)[0]:
        return ""
    return os.read(0, 1).decode("latin-1") or "\x04"  # the terminal is gone


@contextlib.contextmanager
def _single_keys() -> Iterator[None]:
    """Keys come one by one, unseen."""
    import termios
    import tty

    before = termios.tcgetattr(0)
    try:
        tty.setcbreak(0)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)

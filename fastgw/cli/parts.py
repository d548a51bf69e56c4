"""What the parsers of several commands have in common."""

from __future__ import annotations

import argparse
import os


class Help(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal.  argparse would ask ``shutil`` how wide, which imports all kinds of compression."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=columns() - 2)

    def add_argument(self, action: argparse.Action) -> None:
        """Room for the longest command: argparse forgets that commands are indented once more."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):
            longest = max(map(len, action.choices), default=0)
            self._action_max_length = max(self._action_max_length, self._current_indent + 2 + longest)


def columns() -> int:
    """How wide the terminal is, in characters."""
    found = os.environ.get("COLUMNS", "")
    if found.isascii() and found.isdigit() and int(found):
        return int(found)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:  # no terminal
        return 80


def add_file(parser: argparse.ArgumentParser, what: str, *, is_required: bool = True) -> None:
    """The configuration, as ``-c FILE`` or as ``FILE`` alone; both are ``config``."""
    either = parser.add_mutually_exclusive_group(required=is_required)
    either.add_argument("-c", "--config", metavar="FILE", help=what)
    either.add_argument("config", nargs="?", default=argparse.SUPPRESS, metavar="FILE", help=what)


def add_gateway(parser: argparse.ArgumentParser) -> None:
    """A running gateway: by its configuration (``config``) or its admin socket (``socket``)."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("-c", "--config", metavar="FILE", help="the configuration of the gateway")
    where.add_argument("--socket", metavar="PATH", help="its admin socket")
    parser.add_argument("--json", action="store_true", help="for tools")

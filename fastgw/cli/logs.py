"""``fastgw logs``: what a gateway has said of itself, for people: from the journal, a file or standard input."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from fastgw.server.log_text import text_of

_ABOUT = """\
Show the operational log in a form for people: of the unit fastgw from the journal, or of a FILE that has the stderr of a gateway.
What is no line of that log is shown as it is, unless something is asked for that it cannot have.

Exit code: 0 shown; 1 it cannot be read, and why; 2 wrong arguments."""

_EXAMPLES = """\
examples:
  fastgw logs -f                                        the journal, and what comes
  fastgw logs --level warning --since 1h --grep llm     what the last hour says of llm
  fastgw logs gateway.log --event 'died'
  kubectl logs gateway-0 | fastgw logs -"""

LEVELS: Final = ("info", "warning", "error")
_POLL: Final = 0.2  #: seconds between two looks at a file that is followed
_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    parser.add_argument("file", nargs="?", metavar="FILE", help="instead of the journal; - is standard input")
    parser.add_argument("--unit", default="fastgw", metavar="NAME", help="of systemd, whose journal is read: fastgw")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is written, also after a rotation")
    parser.add_argument("--level", choices=LEVELS, default="info", help="this and worse")
    parser.add_argument("--since", type=since, metavar="TIME", help="10m, 2h, 1d, or 2026-11-22T12:45:00Z")
    parser.add_argument("--event", default="", metavar="WORDS", help="only events that have these words")
    parser.add_argument("--grep", default="", metavar="TEXT", help="only lines with this anywhere, such as a service")
    parser.add_argument("--json", action="store_true", help="as they were written")


def since(text: str) -> float:
    """Seconds since 1970 of a time stamp, or of so long ago."""
    if found := re.fullmatch(r"(\d{1,9})(s|m|min|h|d)", text):
        return time.time() - int(found[1]) * _UNITS[found[2]]
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected 10m, 2h or a time such as 2026-11-22T12:45:00Z, got {text!r}"
        ) from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def run(options: argparse.Namespace) -> int:
    """Show them; return the exit code."""
    is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    try:
        if options.file is None:
            return _journal(options, is_coloured)
        for line in _lines(options.file, options.follow):
            _show(line, options, is_coloured)
    except KeyboardInterrupt:  # how one stops to follow
        return 0
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        print(f"fastgw logs: {options.file or 'journalctl'}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def _journal(options: argparse.Namespace, is_coloured: bool) -> int:
    command = ["journalctl", "-q", "-u", options.unit, "-o", "cat", "--no-pager"]
    command += ["-f", "-n", "100"] if options.follow else []
    command += [f"--since=@{options.since:.0f}"] if options.since is not None else []
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            for line in process.stdout or ():
                _show(line.decode(errors="replace"), options, is_coloured)
        except BaseException:
            process.terminate()
            raise
    return 1 if process.returncode else 0


def _lines(path: str, is_followed: bool) -> Iterator[str]:
    if path == "-":
        yield from (line.decode(errors="replace") for line in sys.stdin.buffer)
        return
    while True:
        with open(path, "rb") as file:
            held = b""  # a line that has no end yet
            while True:
                for line in file:
                    held += line
                    if held.endswith(b"\n"):
                        yield held.decode(errors="replace")
                        held = b""
                if not is_followed:
                    if held:
                        yield held.decode(errors="replace")
                    return
                time.sleep(_POLL)
                if _is_another(path, file.fileno(), file.tell()):
                    break


def _is_another(path: str, fd: int, place: int) -> bool:
    """Was the file moved away, and is a new one there, or was it cut?"""
    ours = os.fstat(fd)
    try:
        now = os.stat(path)
    except FileNotFoundError:  # not yet
        return False
    return (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino) or now.st_size < place


def _show(line: str, options: argparse.Namespace, is_coloured: bool) -> None:
    line = line.rstrip("\n")
    record = _record(line)
    if not line or not _is_wanted(line, record, options):
        return
    if options.json or record is None:
        print("".join(one if one.isprintable() or one == "\t" else "?" for one in line), flush=options.follow)
    else:
        print(text_of(record, is_coloured=is_coloured), flush=options.follow)


def _record(line: str) -> dict[str, Any] | None:
    """That of the line; None: it is none of ours."""
    try:
        found = json.loads(line) if line.startswith("{") else None
    except ValueError:
        return None
    return found if isinstance(found, dict) and "event" in found else None


def _is_wanted(line: str, record: dict[str, Any] | None, options: argparse.Namespace) -> bool:
    if options.grep and options.grep.lower() not in line.lower():
        return False
    if record is None:
        return not (options.event or options.json or options.level != "info" or options.since is not None)
    level = str(record.get("level"))
    if LEVELS.index(level if level in LEVELS else "error") < LEVELS.index(options.level):
        return False
    return options.event.lower() in str(record["event"]).lower() and _is_late_enough(record, options.since)


def _is_late_enough(record: dict[str, Any], since: float | None) -> bool:
    if since is None:
        return True
    try:
        return datetime.fromisoformat(str(record.get("time"))).timestamp() >= since
    except ValueError:
        return True

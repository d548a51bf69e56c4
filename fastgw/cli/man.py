"""``fastgw man``: the manual page, and the reference of commands, from the parser that the commands have."""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Iterator
from typing import Final

import fastgw
from fastgw.cli.described import Argument, Command, describe

_ABOUT = """\
Print the manual page fastgw(1), in roff.  It is made from the same parser as the help of the commands, so it is that of the
release that prints it."""

_EXAMPLES = """\
examples:
  fastgw man | man -l -                                               read it
  fastgw man > /usr/local/share/man/man1/fastgw.1                     install it, for "man fastgw"
  fastgw man --format markdown > docs/commands.md"""

Pairs = tuple[tuple[str, str], ...]

EXIT: Final[Pairs] = (
    ("0", "It is done; run: it was stopped by a signal."),
    ("1", "It is not done, and stderr says why; run: it did not start; diff: the files differ."),
    ("2", "The command line is wrong."),
    ("3", "status: the gateway answers, but there is something that it cannot serve."),
)
SIGNALS: Final[Pairs] = (
    ("SIGHUP", "Load the file again, all of it or nothing."),
    (
        "SIGTERM, SIGINT",
        "Drain: finish what is under way, at most shutdown.grace, then end.  A second one ends it at once.",
    ),
    ("SIGQUIT", "End at once; what is under way is cut off."),
    ("SIGUSR1", "Open the log files again."),
    ("SIGUSR2", "Upgrade: a new process, of the code on the disk, takes over; the same as fastgw upgrade."),
)
FILES: Final[Pairs] = (
    ("/etc/fastgw/gateway.yaml", "The configuration that the unit for systemd serves."),
    (
        "/run/fastgw/gateway.sock",
        "Its admin socket, at which commands ask.  Without systemd it stands beside the configuration.",
    ),
    ("/var/lib/fastgw", "For the state file, which keeps weights of versions over restarts."),
    ("/var/log/fastgw", "For access logs that are files."),
)
ENVIRONMENT: Final[Pairs] = (
    ("${NAME} in a configuration", "Any variable, where the file names it."),
    ("RUNTIME_DIRECTORY", "Where the admin socket is, if the file does not say; set by systemd."),
    ("NOTIFY_SOCKET, WATCHDOG_USEC", "Where systemd is told that the gateway serves, and how often that it lives."),
    ("LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID", "Sockets that systemd has opened."),
    ("FASTGW_PURE", "1: run the hot modules in Python, although there are compiled ones."),
    ("FASTGW_LOG_FORMAT", "json or text: what run --log-format says, for what is started otherwise."),
    ("NO_COLOR", "Whatever it is: no colours at a terminal."),
    ("COLUMNS", "How wide help is."),
)
_CLOSING: Final = (("EXIT STATUS", EXIT), ("SIGNALS", SIGNALS), ("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT))


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    parser.add_argument(
        "--format", choices=("roff", "markdown"), default="roff", help="markdown: the reference in docs/"
    )


def run(options: argparse.Namespace) -> int:
    """Print it; return the exit code."""
    from fastgw.cli.main import build_parser

    program = describe(build_parser())
    if options.format == "markdown":
        print("\n".join(markdown(program)))
    else:
        day = time.gmtime(float(os.environ.get("SOURCE_DATE_EPOCH") or time.time()))
        print("\n".join(roff(program, time.strftime("%Y-%m-%d", day))))
    return 0


def roff(program: Command, day: str) -> Iterator[str]:
    """The page, in the macros of man(7); ``day``: what its foot says."""
    yield f'.TH FASTGW 1 "{day}" "fastgw {fastgw.__version__}"'
    yield from (".SH NAME", r"fastgw \- reverse proxy for inference services", ".SH SYNOPSIS")
    for place, one in enumerate(one for one in program.walk() if not one.commands):
        title = " ".join(one.words)
        yield from ([".br"] if place else [])
        yield f"\\fBfastgw {_plain(title)}\\fR {_plain(one.usage.removeprefix(title).strip())}".rstrip()
    yield from (".SH DESCRIPTION", *_paragraphs(program.about), ".SH OPTIONS", *_list(program.options), ".SH COMMANDS")
    for one in program.walk():
        if one.words:
            yield f'.SS "fastgw {" ".join(one.words)}"'
            yield from _paragraphs(one.about or f"{one.help[:1].upper()}{one.help[1:]}.")
            yield from _list((*one.arguments, *one.options))
            if one.examples:
                yield from (".PP", *_preformatted(one.examples))
    for title, pairs in _CLOSING:
        yield f".SH {title}"
        for name, what in pairs:
            yield from (".TP", f"\\fB{_plain(name)}\\fR", _plain(what))
    yield from (".SH EXAMPLES", *_preformatted(program.examples))
    yield from (".SH SEE ALSO", r"\fBsystemd\fR(1), \fBjournalctl\fR(1), \fBlogrotate\fR(8)")


def _paragraphs(text: str) -> Iterator[str]:
    for place, paragraph in enumerate(text.split("\n\n")):
        if place:
            yield ".PP"
        yield from (_plain(line) for line in paragraph.splitlines())


def _list(arguments: tuple[Argument, ...]) -> Iterator[str]:
    for one in arguments:
        value = f" \\fI{_plain(one.value)}\\fR" if one.value else ""
        names = ", ".join(f"\\fB{_plain(flag)}\\fR{value}" for flag in one.flags) or value.strip()
        yield from (".TP", names, _plain(_told(one)) or "\\&")


def _told(argument: Argument) -> str:
    """Its help, and what may be chosen, unless the name of the value says it."""
    if not argument.choices or argument.value.startswith("{"):
        return argument.help
    return f"{argument.help} ({', '.join(argument.choices)})"


def _preformatted(text: str) -> Iterator[str]:
    yield from (".nf", *(_plain(line) for line in text.splitlines()), ".fi")


def _plain(text: str) -> str:
    """As it is: no hyphen becomes a dash, no line a request."""
    text = (
        text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti")
    )
    text = text.replace("`", "\\(ga").rstrip()
    return f"\\&{text}" if text.startswith((".", "\\(aq")) else text


def markdown(program: Command) -> Iterator[str]:
    """The page of the documentation."""
    yield "# Commands"
    yield ""
    yield "Made by `fastgw man --format markdown` from the parser itself: a test compares. `fastgw COMMAND --help` says the same."
    yield "How to use them on a running gateway is in [operations.md](operations.md#commands-for-a-running-gateway)."
    yield ""
    yield "| command | does |"
    yield "|---|---|"
    for one in program.commands:
        title = " ".join(["fastgw", *one.words])
        yield f"| [`{title}`](#{title.replace(' ', '-')}) | {_cell(one.help)} |"
    for one in program.walk():
        if one.words:
            yield from ("", *_markdown_of(one))
    for title, pairs in _CLOSING:
        yield from ("", f"## {title.capitalize()}", "", "| | |", "|---|---|")
        yield from (f"| `{_cell(name)}` | {_cell(what)} |" for name, what in pairs)


def _markdown_of(command: Command) -> Iterator[str]:
    yield f"{'#' * (1 + len(command.words))} fastgw {' '.join(command.words)}"
    yield ""
    yield from ("```text", f"fastgw {command.usage}", "```")
    yield ""
    yield re.sub(r"([*<|_])", r"\\\1", command.about or f"{command.help[:1].upper()}{command.help[1:]}.")
    shown = [one for one in (*command.arguments, *command.options) if "--help" not in one.flags]
    if shown:
        yield from ("", "| argument | is |", "|---|---|")
    for one in shown:
        names = ", ".join(f"{flag} {one.value}".strip() for flag in one.flags) or one.value
        yield f"| `{_cell(names)}` | {_cell(_told(one))} |"
    if command.examples:
        yield from ("", "```text", command.examples.removeprefix("examples:\n"), "```")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

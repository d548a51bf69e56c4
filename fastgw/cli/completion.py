"""``fastgw completion``: the script by which a shell completes the command line, and the names that it asks for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from fastgw.cli.asking import asked
from fastgw.cli.shells import SHELLS

_ABOUT = """\
Print the script by which a shell completes commands, options, files, and the names of services and versions.  The names are
those of the configuration (-c) or the running gateway (--socket) on the line that is being completed."""

_EXAMPLES = """\
examples:
  eval "$(fastgw completion bash)"                                               in ~/.bashrc
  fastgw completion zsh > ~/.zfunc/_fastgw                                       with fpath+=~/.zfunc before compinit
  fastgw completion fish > ~/.config/fish/completions/fastgw.fish
  fastgw completion bash > /usr/share/bash-completion/completions/fastgw         for everybody"""


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    parser.add_argument("shell", choices=[*SHELLS], metavar="SHELL", help="bash, zsh or fish")
    # what the scripts ask for themselves
    parser.add_argument("--names", choices=("services", "versions"), help=argparse.SUPPRESS)
    parser.add_argument("--of", default="", help=argparse.SUPPRESS)
    parser.add_argument("-c", "--config", help=argparse.SUPPRESS)
    parser.add_argument("--socket", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Print it; return the exit code."""
    if options.names:
        services = _asked(options.socket) if options.socket else _in_file(options.config or "")
        found = services if options.names == "services" else services.get(options.of, ())
        for name in found:
            print(name)
        return 0
    from fastgw.cli.described import describe
    from fastgw.cli.main import build_parser

    print(SHELLS[options.shell](describe(build_parser())))
    return 0


Services = Mapping[str, Iterable[str]]  #: of services, with those of their versions


def _in_file(path: str) -> Services:
    """Those of a file, which may have any mistakes: it is being worked on."""
    from fastgw.config.source import Document

    document = Document(path, os.environ)
    document.read(Path(path))
    tree = document.tree
    services = tree.get("services") if isinstance(tree, dict) else None
    if not isinstance(services, dict):
        return {}
    return {str(name): _keys(one.get("versions") if isinstance(one, dict) else None) for name, one in services.items()}


def _keys(found: object) -> list[str]:
    return [str(name) for name in found] if isinstance(found, dict) else []


def _asked(path: str) -> Services:
    """Those of a running gateway."""
    status = (asked(None, path, {"do": "status"}) or {}).get("status", {})
    versioned = {name: list(told["versions"]) for name, told in status.get("versions", {}).items()}
    inner = {one["service"] for told in status.get("versions", {}).values() for one in told["versions"].values()}
    return versioned | {name: [] for name in status.get("services", {}) if name not in inner}

"""The commands and their arguments.  ``argparse`` alone is imported here: start-up time is a goal.

Exit codes: 0 fine; 1 the configuration cannot be used (or has warnings, under ``--strict``), or no route matches; 2 the
command line itself is wrong.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from fastgw._descriptors import open_standard
from fastgw.cli.etcd import add_node, is_of_fleet, node_of
from fastgw.cli.parts import Help, add_file, add_gateway
from fastgw.errors import ConfigError

_ABOUT = """\
fastgw stands in front of inference services and passes requests to them: routing, canary releases, load balancing,
retries, limits.  One YAML file says what goes where."""

_EXAMPLES = """\
examples:
  fastgw check gateway.yaml                      is the file right?  every mistake, with its line
  fastgw run -c gateway.yaml                     serve; SIGHUP reloads the file, SIGTERM drains and stops
  fastgw route -c gateway.yaml GET /v1/models    which route would take this request, and why
  fastgw schema > fastgw.schema.json             JSON Schema, for completion in an editor

a configuration to start with:
  listeners:
    - address: 127.0.0.1:8080
  routes:
    - {path: /*, service: hello}
  services:
    hello: {endpoints: [127.0.0.1:9000]}

"fastgw COMMAND --help" tells more of a command; docs/configuration.md explains every key."""

_RUN = """\
Serve the configuration until SIGTERM or SIGINT, which finish what is under way (shutdown.grace) and stop.
SIGHUP loads the file again, and so does a change of it under --watch; a file with mistakes is refused and the old
configuration stays in use.

With --etcd the gateway is one of a fleet (docs/fleet.md): it serves what the fleet has promoted, and follows what is pushed
(fastgw config push).  Without etcd it starts with, and stays with, its last good copy."""

_RUN_EXAMPLES = """\
examples:
  fastgw run -c gateway.yaml
  fastgw run -c gateway.yaml --workers 4
  fastgw run -c gateway.yaml --watch             reload whenever the file, or a certificate, is another one
  fastgw run -c gateway.yaml --check             only check, as before a restart in a unit file
  fastgw run --etcd http://10.0.0.2:2379 --key /fastgw/edge       the configuration of a fleet"""

_CHECK = """\
Read a configuration and tell everything that is wrong with it, one line each:
file:line:column: path.to.key: what is wrong.  Nothing is started.

Warnings tell what can be used but is hardly meant: certificates that have expired or will within 30 days, services and
filters that nothing uses, an admin address that others reach, names that do not resolve (asked for 3 s at most), and
durations over an hour without a unit.

With --online everything that the file refers to is asked once, at the same time, for 30 s at most: each source of members
(how many there are, which entries are none, what there is beside a place where nobody is listed), each endpoint of an
etcd, each registry that the gateway registers in, each Redis, each set of keys that is fetched, whoever judges tokens or
requests, and the collector.  What cannot be used counts as a mistake.  "fastgw doctor" tries members too.

Exit code: 0 fine, with or without warnings; 1 there are mistakes, or warnings under --strict; 2 wrong arguments."""

_CHECK_EXAMPLES = """\
examples:
  fastgw check gateway.yaml
  fastgw check --online gateway.yaml                     do the registries answer, and is anybody listed there?
  fastgw check --strict --format json gateway.yaml       before a release, in CI
  envsubst < gateway.yaml.in | fastgw check -            standard input"""

_ROUTE = """\
Say which route a request would take, which service answers it, and why; and which routes nearly took it and
what kept them from it.  No request is sent.  Exit code 1 when no route matches."""

_ROUTE_EXAMPLES = """\
examples:
  fastgw route -c gateway.yaml GET /v1/models
  fastgw route -c gateway.yaml POST http://api.example/v1/chat/completions -H 'x-canary: 1'"""


_PLUGINS = """\
List the filters, transformers and services that installed packages have (entry points of the groups fastgw.filters,
fastgw.transformers and fastgw.services) and where they come from.  None of it is imported."""


_VERSIONS = """\
Ask a running gateway, at its admin socket, to divide requests among the versions of a service in another way, at once and
without a reload.  All workers do so when the command returns.  It is kept over restarts, in the state file.
Exit code: 0 done; 1 not done, and why; 2 wrong arguments."""

_VERSIONS_EXAMPLES = """\
examples:
  fastgw promote -c gateway.yaml llm v2 --weight 10      a tenth of the requests; the others share the rest as they did
  fastgw promote -c gateway.yaml llm v2                  all of them
  fastgw promote -c gateway.yaml llm v2 --plan           step by step, and back by itself if it does badly
  fastgw rollback -c gateway.yaml llm                    as before the last change
  fastgw reset -c gateway.yaml llm                       as the file says
  fastgw versions -c gateway.yaml"""


class _Version(argparse.Action):
    """``--version``: what is installed is looked up only when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from fastgw.cli.version import version

        print(version())
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in ``arguments`` and return the exit code.

    Without them, which is how the program is called, it is that of ``sys.argv``, and the process is about to end.
    """
    open_standard()
    if arguments is not None:
        return _command(arguments)
    gc.disable()  # imports make no garbage worth the time of looking for it; a supervisor enables this when it runs
    try:
        return _command(sys.argv[1:])
    finally:
        gc.freeze()  # the interpreter would look at its end: 30 ms after pydantic was imported


def _command(arguments: Sequence[str]) -> int:
    parser = build_parser(arguments[0] if arguments and arguments[0] in _MODULES else "")
    if arguments and not arguments[0].startswith("-") and arguments[0] not in _WORDS:
        parser.error(_unknown(arguments[0]))
    try:
        options = parser.parse_args(arguments)
        run: Callable[[argparse.Namespace], int] = getattr(options, "run", None) or _COMMANDS[options.command]
        return run(options)
    except BrokenPipeError:  # fastgw schema | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0


def _unknown(word: str) -> str:
    """What to say of a word that is no command."""
    from fastgw.config.likeness import nearest

    if os.path.isfile(word):
        return f"there is no command {word!r}; did you mean 'fastgw check {word}' or 'fastgw run -c {word}'?"
    return f"there is no command {word!r}{nearest(word, _WORDS) or '; there are ' + ', '.join(_WORDS)}"


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """``only``: of the commands that are modules of their own, the one to import; None: all of them."""
    parser = argparse.ArgumentParser("fastgw", description=_ABOUT, epilog=_EXAMPLES, formatter_class=Help)
    parser.add_argument("--version", action=_Version, nargs=0, help="print versions, as the command does")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")

    _add_run(commands)
    check = commands.add_parser(
        "check", help="check a configuration", description=_CHECK, epilog=_CHECK_EXAMPLES, formatter_class=Help
    )
    add_file(check, "the configuration; - is standard input")
    check.add_argument("--strict", action="store_true", help="count warnings as mistakes")
    where = check.add_mutually_exclusive_group()
    where.add_argument("--offline", action="store_true", help="resolve no names")
    where.add_argument("--online", action="store_true", help="try registries, Redis, key sets and the collector")
    check.add_argument("--no-import", action="store_true", help="import no code that the file names")
    check.add_argument("--trust", metavar="FILE", help="as a configuration from etcd, trusted as this file says")
    check.add_argument("--format", choices=("text", "json"), default="text", help="json: for tools, on stdout")

    route = commands.add_parser(
        "route", help="explain where a request goes", description=_ROUTE, epilog=_ROUTE_EXAMPLES, formatter_class=Help
    )
    route.add_argument("-c", "--config", required=True, metavar="FILE", help="the configuration")
    route.add_argument("method", metavar="METHOD", help="GET, POST, ...")
    route.add_argument("url", metavar="URL", help="http://host/path?query, or a path alone for a request without host")
    route.add_argument(
        "-H", "--header", action="append", default=[], type=_header, metavar="'NAME: VALUE'", help="may be repeated"
    )

    plugins = commands.add_parser(
        "plugins", help="list code of other packages", description=_PLUGINS, formatter_class=Help
    )
    plugins.add_argument(
        "-c", "--config", metavar="FILE", help="a configuration: list what it names by module:Class too"
    )
    plugins.add_argument("--format", choices=("text", "json"), default="text", help="json: for tools")
    _add_versions(commands)
    for word, (module, what) in _MODULES.items():
        one = commands.add_parser(word, help=what, formatter_class=Help)
        if only in (None, word):
            found = import_module(f"fastgw.cli.{module}")
            found.add(one)
            one.set_defaults(run=found.run)
    commands.add_parser("schema", help="print the JSON Schema of the configuration", formatter_class=Help)
    commands.add_parser("version", help="print versions", formatter_class=Help)
    return parser


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run", help="serve a configuration", description=_RUN, epilog=_RUN_EXAMPLES, formatter_class=Help
    )
    add_file(run, "the configuration", is_required=False)
    add_node(run)
    run.add_argument("--workers", type=_workers, metavar="N", help="worker processes, stronger than the file's")
    run.add_argument("--watch", action="store_true", help="reload when a file changes, whatever reload.watch says")
    run.add_argument("--check", action="store_true", help="check the configuration and stop")
    run.set_defaults(complain=run.error)
    run.add_argument(
        "--log-format",
        choices=("auto", "json", "text"),
        default="auto",
        help="auto: text if stderr is a terminal, else json",
    )


def _add_versions(commands: Any) -> None:
    words = {
        "promote": "give a version of a service a share of the requests",
        "rollback": "take back the last change of the versions of a service",
        "reset": "divide requests among the versions as the file says",
        "versions": "show the versions of services, and their weights",
    }
    for word, what in words.items():
        one = commands.add_parser(
            word, help=what, description=_VERSIONS, epilog=_VERSIONS_EXAMPLES, formatter_class=Help
        )
        add_gateway(one)
        if word != "versions":
            one.add_argument("service", metavar="SERVICE", help="its name")
        if word == "promote":
            one.add_argument("version", metavar="VERSION", help="its name")
            way = one.add_mutually_exclusive_group()
            way.add_argument("--weight", type=_percent, default=100.0, metavar="PERCENT", help="100 without it")
            way.add_argument("--plan", action="store_true", help="by the steps of the file, as long as it does well")


def _percent(text: str) -> float:
    try:
        found = float(text.removesuffix("%"))
    except ValueError:
        found = -1.0
    if not 0 <= found <= 100:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 100, got {text!r}")
    return found


def _workers(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 4 or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 1024, got {text!r}")
    return int(text)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"expected 'name: value', got {text!r}")
    return name.strip().lower(), value.strip()


def _run(options: argparse.Namespace) -> int:
    try:
        fleet = node_of(options) if is_of_fleet(options) else None
    except ValueError as error:
        options.complain(str(error))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    if options.check:
        from fastgw.cli.check import check

        return check(options.config, as_json=False)
    from fastgw.server.log import FORMAT
    from fastgw.server.supervisor import run

    if options.log_format != "auto":
        os.environ[FORMAT] = options.log_format  # of the workers too
    path = options.config if fleet is None else fleet.copy
    return run(path, options.workers, is_watched=options.watch, fleet=fleet)


def _check(options: argparse.Namespace) -> int:
    from fastgw.cli.check import check

    return check(
        options.config,
        as_json=options.format == "json",
        is_strict=options.strict,
        is_offline=options.offline,
        is_online=options.online,
        is_importing=not options.no_import,
        trust=options.trust,
    )


def _route(options: argparse.Namespace) -> int:
    from fastgw.cli.route import route

    return route(options.config, options.method, options.url, options.header)


def _plugins(options: argparse.Namespace) -> int:
    from fastgw.cli.plugins import plugins

    return plugins(options.config, as_json=options.format == "json")


def _versions(options: argparse.Namespace) -> int:
    from fastgw.cli.rollout import ask

    keys = ("service", "version", "weight", "plan")
    request = {"do": options.command} | {
        key: value for key in keys if (value := getattr(options, key, None)) is not None
    }
    return ask(options.config, options.socket, request, as_json=options.json)


def _schema(_: argparse.Namespace) -> int:
    import json

    from fastgw.config.schema import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def _version(_: argparse.Namespace) -> int:
    from fastgw.cli.version import version

    print(version())
    return 0


_COMMANDS = {
    "run": _run,
    "check": _check,
    "route": _route,
    "plugins": _plugins,
    "promote": _versions,
    "rollback": _versions,
    "reset": _versions,
    "versions": _versions,
    "schema": _schema,
    "version": _version,
}

#: Commands whose parser and work are in a module of their own, which is imported for them alone: its name, and what they do.
_MODULES: dict[str, tuple[str, str]] = {
    "keys": ("keys", "make and revoke the keys of clients"),
    "doctor": ("doctor", "try everything that a configuration refers to"),
    "limits": ("limits", "show what is left of limits of models, for a key say"),
    "forecast": ("forecast", "show what services are expected to be asked for"),
    "status": ("status", "show how a running gateway is"),
    "top": ("top", "show how a running gateway is, live"),
    "replay": ("replay", "hold a configuration against recorded requests"),
    "reload": ("reload", "have a running gateway load its file again"),
    "upgrade": ("upgrade", "have a running gateway start the code on the disk and hand over to it"),
    "drain": ("drain", "have a running gateway finish and end"),
    "diff": ("diff", "tell what changes from one configuration to another"),
    "init": ("init", "write a first configuration"),
    "fmt": ("fmt", "write configurations in one form"),
    "logs": ("logs", "show the operational log for people"),
    "fleet": ("fleet", "show the gateways that share a configuration in etcd"),
    "config": ("config", "push, list and take back the configurations of a fleet"),
    "register": ("register", "run a program, registered in etcd or Consul meanwhile"),
    "completion": ("completion", "print the script by which a shell completes the command line"),
    "man": ("man", "print the manual page"),
}
_WORDS = [*_COMMANDS, *_MODULES]

"""``fastgw config``: the configurations that a fleet of gateways has in etcd, pushed, read, listed and taken back."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from fastgw.cli.etcd import add_etcd, fleet_of
from fastgw.cli.parts import Help

if TYPE_CHECKING:
    from fastgw.fleet.records import Canary, Generation, RecordError
    from fastgw.fleet.store import Store

WAIT: Final = 600.0  #: seconds that a rollout is followed
HISTORY: Final = 20  #: generations that are listed

_ABOUT = """\
The configurations of a fleet: gateways that run with --etcd and the same --key (fastgw run --help).

push       check FILE here, store it as the next generation, and follow how the fleet takes it
pull       print a generation, the latest without a number
history    list the generations, the latest first
rollback   push the text of an older generation again, by default of the one that was promoted before

Nothing takes a generation before every gateway has checked it; if one refuses it, none takes it, and all say why.
Exit code: 0 done, and with a push promoted; 1 not, and why; 2 wrong arguments."""

_EXAMPLES = """\
examples:
  export FASTGW_ETCD=http://10.0.0.2:2379 FASTGW_KEY=/fastgw/edge
  fastgw config push gateway.yaml -m "two more GPUs"
  fastgw config push gateway.yaml --canary 20% --hold 60s       a fifth of the gateways first, for a minute
  fastgw config history
  fastgw config pull 7 -o gateway.yaml
  fastgw config rollback"""


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")
    push = actions.add_parser("push", help="store a configuration, and have the fleet take it", formatter_class=Help)
    push.add_argument("file", metavar="FILE", help="the configuration; - is standard input")
    push.add_argument(
        "--no-check", action="store_true", help="do not check it here, where files or variables of the gateways are not"
    )
    _add_rollout(push)
    pull = actions.add_parser("pull", help="print a configuration", formatter_class=Help)
    pull.add_argument("number", nargs="?", type=_number, metavar="NUMBER", help="the latest without it")
    pull.add_argument("-o", "--output", metavar="FILE", help="write it there")
    history = actions.add_parser("history", help="list the configurations", formatter_class=Help)
    history.add_argument(
        "-n", dest="most", type=_number, default=HISTORY, metavar="COUNT", help=f"how many; {HISTORY} without it"
    )
    history.add_argument("--format", choices=("text", "json"), default="text", help="json: for tools")
    rollback = actions.add_parser("rollback", help="have the fleet take an older configuration", formatter_class=Help)
    rollback.add_argument(
        "number", nargs="?", type=_number, metavar="NUMBER", help="the one promoted before the last without it"
    )
    _add_rollout(rollback)
    for one in (push, pull, history, rollback):
        add_etcd(one)


def _add_rollout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-m", "--message", default="", metavar="TEXT", help="what it is for")
    parser.add_argument(
        "--canary", type=_share, metavar="PERCENT", help="of the gateways that take it first, at least one"
    )
    parser.add_argument(
        "--hold", type=_duration, metavar="TIME", help="that they serve it before the others take it; 30s without it"
    )
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="do not follow how the fleet takes it")
    parser.add_argument(
        "--timeout", type=_duration, default=WAIT, metavar="TIME", help="that it is followed; 10m without it"
    )


def run(options: argparse.Namespace) -> int:
    """Do it; return the exit code."""
    import asyncio

    from fastgw.discovery.etcd_client import EtcdClient, EtcdError
    from fastgw.fleet.records import RecordError
    from fastgw.fleet.store import Store, StoreError

    work = {"push": _push, "pull": _pull, "history": _history, "rollback": _rollback}[options.action]
    try:
        settings, keys = fleet_of(options)
        canary_of(options)
        text = _read(options) if options.action == "push" else ""
    except ValueError as error:
        return _failed(error, 2)
    if text is None:
        return 1

    async def asked() -> int:
        client = EtcdClient(settings)
        with client.used():
            return await work(Store(client, keys), options, text)

    try:
        return asyncio.run(asked())
    except (EtcdError, StoreError, RecordError, ValueError, OSError) as error:
        return _failed(error, 1)
    except KeyboardInterrupt:
        return 130


def canary_of(options: argparse.Namespace) -> Canary | None:
    """How it is tried first.  Raises ValueError: there is a time, and nobody to whom it applies."""
    from fastgw.fleet.records import Canary

    share, hold = getattr(options, "canary", None), getattr(options, "hold", None)
    if share is None and hold is not None:
        raise ValueError("--hold is for how long canaries serve it first: --canary says how many they are")
    return Canary(share, 30.0 if hold is None else hold) if share is not None else None


def _read(options: argparse.Namespace) -> str | None:
    """What is pushed; None: it cannot be used, which stderr tells.  Raises ValueError: it cannot be read."""
    from fastgw.config.source import LARGEST_FILE

    try:
        with open(0 if options.file == "-" else options.file, "rb", closefd=options.file != "-") as stream:
            content = stream.read(LARGEST_FILE + 1)
        text = content.decode()
    except OSError as error:
        raise ValueError(f"{options.file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{options.file} is not UTF-8 text") from None
    if options.no_check:
        return text
    from fastgw.config.load import inspect

    found = inspect(options.file, os.environ, time.time(), content=content)
    for problem in found.problems:
        print(problem, file=sys.stderr)
    for warning in found.warnings:
        print(warning._replace(path=f"warning: {warning.path}"), file=sys.stderr)
    if found.spec is None:
        print(
            "fastgw: nothing is pushed; if what is missing is on the gateways alone, --no-check leaves it to them",
            file=sys.stderr,
        )
        return None
    return text


async def _push(store: Store, options: argparse.Namespace, text: str) -> int:
    from fastgw.fleet.store import Pushed

    return await _put(store, options, Pushed(text, _author(), time.time(), options.message, canary_of(options)))


async def _rollback(store: Store, options: argparse.Namespace, _: str) -> int:
    from fastgw.fleet.store import Pushed, StoreError

    number = options.number
    if number is None:
        rollout = (await store.sight()).rollout
        number = rollout.former if rollout is not None else 0
        if not number:
            raise StoreError(f"{store.keys.root} has nothing that was promoted before; NUMBER says which one to take")
    old = await store.generation(number)
    message = options.message or f"back to generation {number}" + (f": {old.message}" if old.message else "")
    return await _put(store, options, Pushed(old.text, _author(), time.time(), message, canary_of(options), number))


async def _put(store: Store, options: argparse.Namespace, pushed: Any) -> int:
    from fastgw.cli.following import follow

    generation = await store.push(pushed)
    of = f", the text of generation {generation.of}" if generation.of else ""
    print(f"generation {generation.number} is pushed to {store.keys.root}{of}", flush=True)
    return await follow(store, generation, options.timeout) if options.wait else 0


async def _pull(store: Store, options: argparse.Namespace, _: str) -> int:
    found = await (store.generation(options.number) if options.number else store.latest())
    _write(options.output, found)
    return 0


def _write(path: str | None, found: Generation) -> None:
    if path is None:
        sys.stdout.write(found.text)
        return
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # a configuration may have secrets
    with open(fd, "w", encoding="utf-8") as file:
        file.write(found.text)
    print(f"{path}: generation {found.number}")


async def _history(store: Store, options: argparse.Namespace, _: str) -> int:
    from fastgw.fleet.records import RecordError

    found, sight = await store.history(options.most), await store.sight()
    rollout = sight.rollout
    if options.format == "json":
        import json

        records = [_record(one) for one in found]
        told = {"root": store.keys.root, "rollout": rollout._asdict() if rollout else None, "generations": records}
        print(json.dumps(told, indent=2))
        return 0
    if not found:
        print(f"nothing was pushed to {store.keys.root} yet")
    for one in found:
        if isinstance(one, RecordError):
            print(f"cannot be read: {one}")
            continue
        marks = [f"of {one.of}"] if one.of else []
        if rollout is not None and one.number == rollout.promoted:
            marks.append("in use")
        if rollout is not None and one.number == rollout.number and one.number != rollout.promoted:
            marks.append(rollout.phase)
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.at))
        print(f"{one.number:>6}  {moment}  {one.author:<20}  {', '.join(marks):<10}  {one.message}".rstrip())
    return 0


def _record(one: Generation | RecordError) -> dict[str, object]:
    """A generation for tools, without its text."""
    from fastgw.fleet.records import RecordError

    if isinstance(one, RecordError):
        return {"key": one.key, "error": one.reason}
    canary = one.canary._asdict() if one.canary is not None else None
    return {name: value for name, value in one._asdict().items() if name != "text"} | {"canary": canary}


def _author() -> str:
    import getpass

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, in a container
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _failed(error: Exception, code: int) -> int:
    print(f"fastgw config: {error}", file=sys.stderr)
    return code


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= len(text) <= 10 or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number from 1, got {text!r}")
    return int(text)


def _share(text: str) -> float:
    try:
        found = float(text.removesuffix("%"))
    except ValueError:
        found = 0.0
    if not 0 < found <= 100:
        raise argparse.ArgumentTypeError(f"expected a part of the gateways such as 20%, got {text!r}")
    return found / 100


def _duration(text: str) -> Any:
    from fastgw.config.values import duration

    try:
        return duration()(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None

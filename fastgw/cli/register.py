"""``fastgw register``: run a program, registered in etcd meanwhile."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

_ABOUT = """\
Run a program, and have it be a member of a service in etcd while it runs, for gateways that find members there.  It is
registered when it answers, under a lease that is renewed at a third of its time to live, and again if the lease is lost.
SIGTERM and SIGINT take the key away, wait for --drain, and are passed on then; other signals are passed on at once.
A program that ends takes its key along.  What is wrong with etcd is told on stderr and tried again: it stops no program.

The password of --user is read from $FASTGW_ETCD_PASSWORD.
Exit code: that of the program; 128 and the number of the signal that ended it; 126 or 127 it cannot be started; 2 wrong arguments."""

_EXAMPLES = """\
examples:
  fastgw register --service vision --address 10.0.0.5:9000 --etcd http://127.0.0.1:2379 -- python -m vision --port 9000
  fastgw register --service llm --address 10.0.0.5:8000 --etcd http://a:2379,http://b:2379 --health /health \\
      --version 2.1 --metadata gpu=h100 -- vllm serve MODEL"""


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    need = parser.add_argument_group("what is registered")
    need.add_argument("--service", required=True, metavar="NAME", help="the service that it is a member of")
    need.add_argument("--address", required=True, metavar="IP:PORT", help="by which gateways reach it")
    need.add_argument("--weight", type=int, default=1, metavar="N", help="its share of the requests; 1 without it")
    need.add_argument("--zone", default="", metavar="NAME", help="where it is")
    need.add_argument("--version", default="", metavar="TEXT", help="which version it is")
    need.add_argument(
        "--metadata", action="append", default=[], type=_pair, metavar="NAME=TEXT", help="more of it; may be repeated"
    )
    where = parser.add_argument_group("where")
    where.add_argument("--etcd", required=True, metavar="URLS", help="endpoints of one cluster, with commas")
    where.add_argument("--prefix", default="/services", metavar="KEY", help="/services without it")
    where.add_argument("--user", default="", metavar="NAME", help="who asks")
    where.add_argument("--ca", default="", metavar="FILE", help="authorities for https; those of the system without it")
    where.add_argument("--cert", default="", metavar="FILE", help="certificate that is shown")
    where.add_argument("--key", default="", metavar="FILE", help="its key")
    when = parser.add_argument_group("when")
    when.add_argument(
        "--health",
        default="",
        metavar="URL",
        help="answers 2xx when it is ready: a URL, or a path at the address; without it, a connection must be taken",
    )
    when.add_argument(
        "--ttl", type=_duration, default=10.0, metavar="TIME", help="that the key outlives a kill -9; 10s without it"
    )
    when.add_argument(
        "--drain",
        type=_duration,
        default=1.0,
        metavar="TIME",
        help="from the end of the key to the signal; 1s without it",
    )
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="the program and its arguments")


def run(options: argparse.Namespace) -> int:
    """Run the program; return its exit code."""
    import asyncio

    from fastgw.core.sources import ClientTls, EtcdSettings
    from fastgw.discovery.etcd_client import EtcdClient
    from fastgw.discovery.listing import listed
    from fastgw.registration.registering import TIMEOUT, Registration, endpoints, health_of, key_of, value_of
    from fastgw.registration.wrapped import NOT_EXECUTABLE, NOT_FOUND, wrapped

    command = options.program[1:] if options.program[:1] == ["--"] else options.program
    try:
        if not command:
            raise ValueError("there is no command: it stands behind --")
        if os.environ.get("FASTGW_ETCD_PASSWORD") and not options.user:
            raise ValueError("there is a password, and no --user")
        version = {"version": options.version} if options.version else {}
        member = listed(options.address, options.weight, options.zone, {**dict(options.metadata), **version})
        tls = ClientTls(options.ca, options.cert, options.key)
        password = os.environ.pop("FASTGW_ETCD_PASSWORD", "")  # it is none of the program's
        settings = EtcdSettings(endpoints(options.etcd), "", options.user, password, tls, TIMEOUT)
        key = key_of(options.prefix, options.service, member)
        health = health_of(options.health, member)
        registration = Registration(EtcdClient(settings), key, value_of(member), options.ttl, health, tell=_tell)
    except (ValueError, OSError) as error:
        print(f"fastgw register: {error}", file=sys.stderr)
        return 2
    try:
        return asyncio.run(wrapped(registration, command, options.drain))
    except FileNotFoundError:
        print(f"fastgw register: there is no program {command[0]}", file=sys.stderr)
        return NOT_FOUND
    except OSError as error:
        print(f"fastgw register: {command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        return NOT_EXECUTABLE


def _tell(_: int, what: str) -> None:
    print(f"fastgw register: {what}", file=sys.stderr, flush=True)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise argparse.ArgumentTypeError(f"expected NAME=TEXT, got {text!r}")
    return name, value


def _duration(text: str) -> Any:
    from fastgw.config.values import duration

    try:
        return duration()(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None

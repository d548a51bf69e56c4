"""``fastgw register``: run a program, registered in etcd or Consul meanwhile."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastgw.registration import Registration

_ABOUT = """\
Run a program, and have it be a member of a service in etcd or Consul while it runs, for gateways that find members there.
It is registered when it answers, with a time to live that is renewed at a third of it, and again if it is lost.
SIGTERM and SIGINT take it out, wait for --drain, and are passed on then; other signals are passed on at once.
A program that ends is out at once.  What is wrong with the registry is told on stderr and tried again: it stops no program.

The password of --user is read from $FASTGW_ETCD_PASSWORD, the token for Consul from $FASTGW_CONSUL_TOKEN.
Exit code: that of the program; 128 and the number of the signal that ended it; 126 or 127 it cannot be started; 2 wrong arguments."""

_EXAMPLES = """\
examples:
  fastgw register --service vision --address 10.0.0.5:9000 --etcd http://127.0.0.1:2379 -- python -m vision --port 9000
  fastgw register --service llm --address 10.0.0.5:8000 --etcd http://a:2379,http://b:2379 --health /health \\
      --version 2.1 --metadata gpu=h100 -- vllm serve MODEL
  fastgw register --service vision --address 10.0.0.5:9000 --consul http://127.0.0.1:8500 --tag gpu -- python -m vision"""


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
    which = where.add_mutually_exclusive_group(required=True)
    which.add_argument("--etcd", default="", metavar="URLS", help="endpoints of one cluster, with commas")
    which.add_argument("--consul", default="", metavar="URL", help="an agent")
    where.add_argument("--prefix", default="/services", metavar="KEY", help="of keys in etcd; /services without it")
    where.add_argument("--user", default="", metavar="NAME", help="of etcd: who asks")
    where.add_argument("--tag", action="append", default=[], metavar="TEXT", help="of Consul; may be repeated")
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
        "--ttl", type=_duration, default=10.0, metavar="TIME", help="that the member outlives a kill -9; 10s without it"
    )
    when.add_argument(
        "--drain",
        type=_duration,
        default=1.0,
        metavar="TIME",
        help="from being out to the signal; 1s without it",
    )
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="the program and its arguments")


def run(options: argparse.Namespace) -> int:
    """Run the program; return its exit code."""
    import asyncio

    from fastgw.registration.wrapped import NOT_EXECUTABLE, NOT_FOUND, wrapped

    command = options.program[1:] if options.program[:1] == ["--"] else options.program
    try:
        if not command:
            raise ValueError("there is no command: it stands behind --")
        registration = _registration(options)
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


def _registration(options: argparse.Namespace) -> Registration:
    """What the options say.  Raises ValueError."""
    from fastgw.core.sources import ClientTls
    from fastgw.discovery.listing import listed
    from fastgw.registration.registering import Registration, entry_of, health_of, in_consul, in_etcd
    from fastgw.registration.registry import MemberRegistry

    secrets = {
        kind: os.environ.pop(f"FASTGW_{kind}", "") for kind in ("ETCD_PASSWORD", "CONSUL_TOKEN")
    }  # none of the program's
    if secrets["ETCD_PASSWORD"] and options.etcd and not options.user:
        raise ValueError("there is a password, and no --user")
    if options.consul and options.user:
        raise ValueError("--user is of etcd; the token of Consul is in $FASTGW_CONSUL_TOKEN")
    if options.etcd and options.tag:
        raise ValueError("--tag is of Consul; etcd has --metadata")
    tls = ClientTls(options.ca, options.cert, options.key)
    registry: MemberRegistry
    if options.consul:
        registry = in_consul(options.consul, options.ttl, secrets["CONSUL_TOKEN"], options.tag, tls)
    else:
        password = secrets["ETCD_PASSWORD"]
        registry = in_etcd(options.etcd, options.prefix, options.ttl, options.user, password, tls)
    version = {"version": options.version} if options.version else {}
    member = listed(options.address, options.weight, options.zone, {**dict(options.metadata), **version})
    health = health_of(options.health, member)
    return Registration(registry, entry_of(registry, options.service, member), health, tell=_tell)


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

"""``fastgw replay``: what would another configuration do with requests that were recorded?"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fastgw.errors import ConfigError

if TYPE_CHECKING:
    from fastgw.rehearsal.captures import Capture
    from fastgw.rehearsal.comparing import Rehearsal

_ABOUT = """\
Hold a configuration against requests that a filter "record" has written: which of them would be treated in another way, and what
is different: the route, the service, versions and weights, filters, limits, transformers.  Nothing is sent.

With --live they are sent to a gateway instead, at the pace at which they came, and what is answered in another way is told:
GET and OPTIONS, unless --all-methods says more; not those whose query or body was recorded as hashes.  With --beside another gateway is
asked the same at the same time, and answers that differ from its are told, with their bodies: JSON and streams of events by structure.

With --from the configuration that they were recorded under is compared with the new one, thing by thing; without it only routes and
services are, as the capture has them.  Requests that meet other things are tried on both, by the filters themselves: cors, guardrails,
headers, redirect, rewrite, transformers, sizes and methods.  What depends on credentials, addresses of clients or other requests
is not tried.

Exit code: 0 nothing changes for any of them; 1 something does, or a file cannot be used; 2 wrong arguments."""

_EXAMPLES = """\
examples:
  fastgw replay --against new.yaml --from gateway.yaml capture.log
  fastgw replay --against new.yaml capture.log capture.log.1
  fastgw replay --live http://127.0.0.1:8080 --speed 10 -H 'authorization: Bearer ...' capture.log
  fastgw replay --live http://new:8080 --beside http://old:8080 --ignore id --ignore created capture.log
  fastgw replay --against new.yaml --from gateway.yaml --json capture.log | jq '.changes[].lines'"""


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--against", metavar="NEW", help="the configuration that would be used")
    what.add_argument("--live", type=_url, metavar="URL", help="a gateway that they are sent to: http://127.0.0.1:8080")
    parser.add_argument(
        "--beside",
        type=_url,
        metavar="URL",
        help="live: another gateway, asked the same at the same time: answers are compared with its, bodies too",
    )
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="KEY",
        help="beside: a key of JSON, wherever it stands, in which answers may differ, such as id",
    )
    parser.add_argument("--from", dest="old", metavar="OLD", help="the configuration under which they were recorded")
    parser.add_argument(
        "--speed", type=_speed, default=1.0, metavar="N", help="live: times as fast as they came; 0: as fast as it goes"
    )
    parser.add_argument(
        "--all-methods", action="store_true", help="live: send what changes something too, not GET and OPTIONS alone"
    )
    parser.add_argument("--ca", default="", metavar="FILE", help="live: authorities that https is trusted by")
    parser.add_argument(
        "-H",
        "--header",
        action="append",
        default=[],
        type=_field,
        metavar="'NAME: VALUE'",
        help="live: sent with each, such as credentials",
    )
    parser.add_argument("--json", action="store_true", help="for tools")
    parser.add_argument("captures", nargs="+", metavar="CAPTURE", help="files that a filter record has written")


def _url(text: str) -> Any:
    from fastgw.core.settings import Url

    scheme, _, rest = text.partition("://")
    host, _, port = (
        rest.rstrip("/").rpartition(":")
        if rest.rstrip("/").rpartition(":")[2].isdigit()
        else (rest.rstrip("/"), "", "")
    )
    if scheme not in ("http", "https") or not host or "/" in host:
        raise argparse.ArgumentTypeError(f"expected http://host:port or https://host:port, got {text!r}")
    return Url(scheme == "https", host.strip("[]"), int(port) if port else 443 if scheme == "https" else 80, "/")


def _speed(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number from 0 on, got {text!r}")
    return found


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"expected 'name: value', got {text!r}")
    return name.strip(), value.strip()


def run(options: argparse.Namespace) -> int:
    """Compare, or send; return the exit code."""
    if options.live is None and (options.beside is not None or options.ignore):
        print("fastgw replay: --beside and --ignore go with --live", file=sys.stderr)
        return 2
    return _live(options) if options.live is not None else _offline(options)


def _live(options: argparse.Namespace) -> int:
    import asyncio

    from fastgw.cli.live_replay import LIMIT, LiveGateway, LiveReplay, live_document, live_lines
    from fastgw.config.tls import client_context
    from fastgw.core.settings import UpstreamTls
    from fastgw.rehearsal.captures import Capture

    def gateway(url: Any) -> LiveGateway:
        context = client_context(UpstreamTls(options.ca, url.host, True, "", "")) if url.is_tls else None
        return LiveGateway(url, context, LIMIT)

    try:
        beside = gateway(options.beside) if options.beside is not None else None
        ignored = frozenset(options.ignore)
        sending = LiveReplay(
            *(gateway(options.live), beside, options.header),
            speed=options.speed,
            are_all=options.all_methods,
            ignored=ignored,
        )
        capture = Capture(options.captures)
        report = asyncio.run(sending.send(capture))
    except OSError as error:
        print(f"fastgw: {error.filename or options.ca}: {error.strerror or error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(live_document(report) | {"unread": dict(capture.unread)}, indent=2))
    else:
        print(*live_lines(report, str(options.live)), sep="\n")
        for reason, count in capture.unread.most_common():
            print(f"! {count} lines left out: {capture.first_unread[reason]} {reason}")
    return 1 if report.changes or not report.sent else 0


def _offline(options: argparse.Namespace) -> int:
    from fastgw.config.load import load
    from fastgw.rehearsal.captures import Capture
    from fastgw.rehearsal.comparing import document, replayed
    from fastgw.rehearsal.limits import LimitTrial
    from fastgw.rehearsal.treatment import Treatments
    from fastgw.rehearsal.verdicts import Trial

    try:
        spec = load(options.against, os.environ)
        former = load(options.old, os.environ) if options.old is not None else None
        capture = Capture(options.captures)
        old = None if former is None else Treatments(former)
        trial = None if former is None else Trial(former, spec)
        limits = None if former is None else LimitTrial(former, spec)
        report = replayed(capture, old, Treatments(spec, former), trial=trial, limits=limits)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"fastgw: {error.filename}: {error.strerror}" if error.filename else f"fastgw: {error}", file=sys.stderr)
        return 1
    if options.json:
        found = document(report, capture.unread, capture.first_unread)
        print(json.dumps({"files": capture.paths} | found, indent=2))
    else:
        print(*_lines(report, capture), sep="\n")
    return 1 if report.changes or not report.requests else 0


def _lines(report: Rehearsal, capture: Capture) -> Iterator[str]:
    from fastgw.rehearsal.captures import shown
    from fastgw.rehearsal.comparing import SHOWN, by_count

    files = f"{len(capture.paths)} file{'' if len(capture.paths) == 1 else 's'}"
    yield f"{report.requests} requests of {files}, {shown(report.first)} to {shown(report.last)}"
    for reason, count in capture.unread.most_common():
        yield f"! {count} lines left out: {capture.first_unread[reason]} {reason}"
    for name, count in report.doubtful.most_common():
        yield f"! {count} requests: {name} decides on their route, and was recorded as a hash: name it in fields of the filter record"
    for reason, count in report.unknown.most_common():
        yield f"! {count} requests whose filters are others were not tried on them: {reason}"
    if report.limits_unknown:
        yield f"! limits that are others were not tried: {report.limits_unknown}"
    for change in report.limits:
        told = f"refuses {change.after} of {change.met} at the times at which they came, {change.before} before"
        yield f"! filter {change.filter}: {told}"
    for reason, one in by_count(report.lost):
        yield f"! {one.count} of {report.served} that were served would be no more: {reason}"
    yield f"{report.requests - report.changed:8} as before"
    for lines, one in by_count(report.changes):
        yield f"{one.count:8} {lines[0]}"
        yield from (f"{'':8} {line}" for line in lines[1:])
        yield from (f"{'':10} {count} of {text}" for text, count in one.examples.most_common(SHOWN))

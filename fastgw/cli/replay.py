"""``fastgw replay``: what would another configuration do with requests that were recorded?"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fastgw.errors import ConfigError

if TYPE_CHECKING:
    from fastgw.cli.captures import Capture, RecordedRequest
    from fastgw.cli.treatment import Treatments, Way

SHOWN: Final = 3  #: examples of each change

_ABOUT = """\
Hold a configuration against requests that a filter "record" has written: which of them would be treated in another way, and what
is different: the route, the service, versions and weights, filters, limits, transformers.  Nothing is sent.

With --live they are sent to a gateway instead, at the pace at which they came, and what is answered in another way is told:
GET and OPTIONS, unless --all-methods says more; not those whose query or body was recorded as hashes.

With --from the configuration that they were recorded under is compared with the new one, thing by thing; without it only routes and
services are, as the capture has them.  What filters would decide of a request is not told, for credentials are not recorded.

Exit code: 0 nothing changes for any of them; 1 something does, or a file cannot be used; 2 wrong arguments."""

_EXAMPLES = """\
examples:
  fastgw replay --against new.yaml --from gateway.yaml capture.log
  fastgw replay --against new.yaml capture.log capture.log.1
  fastgw replay --live http://127.0.0.1:8080 --speed 10 -H 'authorization: Bearer ...' capture.log
  fastgw replay --against new.yaml --from gateway.yaml --json capture.log | jq '.changes[].lines'"""


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--against", metavar="NEW", help="the configuration that would be used")
    what.add_argument("--live", type=_url, metavar="URL", help="a gateway that they are sent to: http://127.0.0.1:8080")
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


@dataclass(slots=True)
class _Change:
    """What is different for some requests."""

    count: int = 0
    examples: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Rehearsal:
    """What became of all requests."""

    requests: int = 0
    first: str = ""
    last: str = ""
    changes: dict[tuple[str, ...], _Change] = field(default_factory=dict)
    doubtful: Counter[str] = field(
        default_factory=Counter
    )  #: requests by a field that decides and is known as a hash alone

    @property
    def changed(self) -> int:
        """Requests that something changes for."""
        return sum(one.count for one in self.changes.values())


def run(options: argparse.Namespace) -> int:
    """Compare, or send; return the exit code."""
    return _live(options) if options.live is not None else _offline(options)


def _live(options: argparse.Namespace) -> int:
    import asyncio

    from fastgw.cli.captures import Capture
    from fastgw.cli.live_replay import LiveReplay, live_document, live_lines
    from fastgw.config.tls import client_context
    from fastgw.core.settings import UpstreamTls

    url = options.live
    try:
        context = client_context(UpstreamTls(options.ca, url.host, True, "", "")) if url.is_tls else None
        sending = LiveReplay(url, context, options.header, speed=options.speed, are_all=options.all_methods)
        report = asyncio.run(sending.send(Capture(options.captures)))
    except OSError as error:
        print(f"fastgw: {error.filename or options.ca}: {error.strerror or error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(live_document(report), indent=2))
    else:
        print(*live_lines(report, str(url)), sep="\n")
    return 1 if report.changes or not report.sent else 0


def _offline(options: argparse.Namespace) -> int:
    from fastgw.cli.captures import Capture
    from fastgw.cli.route import rewritten
    from fastgw.cli.treatment import Treatments
    from fastgw.config.load import load

    try:
        new = Treatments(load(options.against, os.environ), rewritten)
        old = Treatments(load(options.old, os.environ), rewritten) if options.old is not None else None
        capture = Capture(options.captures)
        report = replayed(capture, old, new)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"fastgw: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(_plain(report, capture), indent=2))
    else:
        print(*_lines(report, capture), sep="\n")
    return 1 if report.changes or not report.requests else 0


def replayed(capture: Capture, old: Treatments | None, new: Treatments) -> Rehearsal:
    """What ``new`` does in another way than ``old``, or than was recorded, with each request of ``capture``."""
    report = Rehearsal()
    known: dict[tuple[Any, ...], tuple[str, ...]] = {}  # what two treatments differ in
    for request in capture:
        report.requests += 1
        report.first = report.first or request.at
        report.last = request.at
        found = new.find(request)
        report.doubtful.update(found.doubtful)
        if old is None:
            lines = _against_record(request, found)
        else:
            before = old.find(request)
            key = (before.key, found.key)
            if key not in known:
                known[key] = _against_old(old, before, new, found)
            lines = known[key]
        if lines:
            change = report.changes.setdefault(lines, _Change())
            change.count += 1
            if len(change.examples) < 1000:
                change.examples[_shown(request)] += 1
    return report


def _against_record(request: RecordedRequest, found: Way) -> tuple[str, ...]:
    """By what the capture says alone: the route, and its service where it has one."""
    name = found.route.name if found.route is not None else ""
    lines = [f"route: {request.route or 'none'} -> {name or 'none'}"] if name != request.route else []
    if found.route is not None and found.route.service is not None and request.service:
        service = request.service.partition("@")[0]
        if found.route.service != service and not found.route.models:
            lines.append(f"service: {service} -> {found.route.service}")
    return tuple(lines)


def _against_old(old: Treatments, before: Way, new: Treatments, found: Way) -> tuple[str, ...]:
    from fastgw.cli.treatment import compared

    names = [one.route.name if one.route is not None else "none" for one in (before, found)]
    lines = [f"route: {names[0]} -> {names[1]}"] if names[0] != names[1] else []
    if (before.listener is None) != (found.listener is None):
        lines.append("listener: is there no more" if found.listener is None else "listener: is new")
    one, other = old.things(before), new.things(found)
    if names[0] == names[1] or before.route is None or found.route is None:
        return (*lines, *compared(one, other))
    renamed = {key if key != f"route {names[0]}" else f"route {names[1]}": value for key, value in one.items()}
    return (*lines, *compared(renamed, other))


def _shown(request: RecordedRequest) -> str:
    """A request in a line, without its query, and without what a terminal would take for an order."""
    text = f"{request.method} {request.host}{request.path}"
    return "".join(one if one.isprintable() else "?" for one in text)[:200]


def _lines(report: Rehearsal, capture: Capture) -> Iterator[str]:
    files = f"{len(capture.paths)} file{'' if len(capture.paths) == 1 else 's'}"
    yield f"{report.requests} requests of {files}, {report.first} to {report.last}"
    for reason, count in capture.unread.most_common():
        yield f"! {count} lines left out: {capture.first_unread[reason]} {reason}"
    for name, count in report.doubtful.most_common():
        yield f"! {count} requests: {name} decides on their route, and was recorded as a hash: name it in fields of the filter record"
    yield f"{report.requests - report.changed:8} as before"
    for lines, change in sorted(report.changes.items(), key=lambda one: -one[1].count):
        yield f"{change.count:8} {lines[0]}"
        yield from (f"{'':8} {line}" for line in lines[1:])
        yield from (f"{'':10} {count} of {text}" for text, count in change.examples.most_common(SHOWN))


def _plain(report: Rehearsal, capture: Capture) -> dict[str, Any]:
    return {
        "files": capture.paths,
        "requests": report.requests,
        "changed": report.changed,
        "first": report.first,
        "last": report.last,
        "left_out": [
            {"reason": reason, "count": count, "first": capture.first_unread[reason]}
            for reason, count in capture.unread.most_common()
        ],
        "doubtful": dict(report.doubtful),
        "changes": [
            {"count": change.count, "lines": list(lines), "examples": _examples(change.examples.most_common(SHOWN))}
            for lines, change in sorted(report.changes.items(), key=lambda one: -one[1].count)
        ],
    }


def _examples(found: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"request": text, "count": count} for text, count in found]

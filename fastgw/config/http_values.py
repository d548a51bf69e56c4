"""What one scalar may say of a request: hosts and paths of routes, methods, header fields.  Pure functions, as in ``values``."""

from __future__ import annotations

import re
from typing import Final

from fastgw.config.values import Expanded, scalar, shown, text
from fastgw.routing.pattern import host_problems, path_problems
from fastgw.wire.methods import method_problem

#: Header fields a configuration cannot drop: without them a message has another meaning (RFC 9110 section 7.6.1).
FRAMING_FIELDS: Final = frozenset(
    ("connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade")
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_PROTOCOL: Final = re.compile(rf"{_TOKEN.pattern}(?:/{_TOKEN.pattern})?")


def route_host(value: object) -> str:
    """The host of a route: empty (any), a name, or ``*.`` and a name."""
    found = scalar(value, "a host name").lower()
    problems = host_problems(found)
    if problems:
        raise ValueError(f"the host {shown(value)} {'; '.join(problems)}")
    return found


def route_path(value: object) -> str:
    """The path of a route: ``/a/b`` (exact), ``/a/*`` (prefix), ``/a/{name}/b`` (parameters)."""
    found = text("a path such as /v1/*")(value)
    problems = path_problems(found)
    if problems:
        # The problems quote parts of the path, which are nobody's business when they came from the environment.
        said = "is not one that a request can have" if isinstance(value, Expanded) else "; ".join(problems)
        raise ValueError(f"the path {shown(value)} {said}")
    return found


def method(value: object) -> str:
    """A request method: any token, in its own letter case."""
    found = scalar(value, "a method")
    problem = method_problem(found)
    if problem:
        # It says what was meant, which is nobody's business when it came from the environment.
        problem = problem.partition(";")[0] if isinstance(value, Expanded) else problem
        raise ValueError(f"{shown(value)} {problem}")
    return str(found)


def field_name(value: object) -> str:
    """The name of a header field, made lower case."""
    found = scalar(value, "the name of a header field")
    if not _TOKEN.fullmatch(found):
        raise ValueError(f"expected the name of a header field, got {shown(value)}")
    return str(found).lower()


def upgrade(value: object) -> str:
    """A protocol clients may upgrade to (RFC 9110 section 7.8), lower case; not one that is HTTP again."""
    found = scalar(value, "a protocol such as websocket")
    if not _PROTOCOL.fullmatch(found):
        raise ValueError(f"expected a protocol such as websocket, got {shown(value)}")
    if found.lower().startswith(("h2", "http", "tls")):
        raise ValueError(f"an upgrade to {shown(value)} would hide requests from the gateway and is never passed on")
    return found.lower()


def droppable_field(value: object) -> str:
    """The name of a header field a listener may drop."""
    found = field_name(value)
    if found in FRAMING_FIELDS:
        raise ValueError(f"{found!r} belongs to the message itself and cannot be dropped")
    return found


def field_value(value: object) -> str:
    """The exact value of a header field a route asks for, or ``*`` for any."""
    if value is None:
        raise ValueError('expected a value, or "*" (with quotes) for any value')
    found = scalar(value, "the value of a header field").strip(" \t")
    if not found:
        raise ValueError('expected a value, or "*" (with quotes) for any value')
    if len(found) > 4096 or not found.isprintable():
        raise ValueError(f"expected the value of a header field, got {shown(value)}")
    return str(found)


def sticky(value: object) -> str:
    """``header:<name>`` or ``cookie:<name>``, or empty."""
    found = scalar(value, "header:<name> or cookie:<name>")
    if found == "":
        return ""
    source, _, key = found.partition(":")
    if source not in ("header", "cookie") or not _TOKEN.fullmatch(key):
        raise ValueError(f"expected header:<name> or cookie:<name>, got {shown(value)}")
    return f"header:{key.lower()}" if source == "header" else str(found)

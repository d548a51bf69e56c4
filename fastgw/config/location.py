"""Where a redirect leads, in the file."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastgw.config.template import template
from fastgw.config.types import Parsed
from fastgw.config.values import shown, whole
from fastgw.wire.errors import WireError
from fastgw.wire.target import parse_authority

REDIRECTING: Final = (301, 302, 303, 307, 308)

#: Variables whose value begins with a slash, and which may stand behind an authority.
PATHS: Final = frozenset(("request.path", "request.original_path", "request.target"))
#: Those that are an authority.
HOSTS: Final = frozenset(("request.host", "request.authority"))

_SCHEME: Final = re.compile(rb"https?://")
_PORT: Final = re.compile(rb"(:[0-9]{1,5})?(?=[/?#]|$)").match
_LABELS: Final = re.compile(rb"([A-Za-z0-9-]+\.)*").fullmatch


def target(value: object) -> tuple[bytes | str, ...]:
    """Parser of where a redirect leads: a path or an http URI, which no client can make another host of."""
    parts = template(is_answer=False)(value)
    problem = _problem(parts)
    if problem:
        raise ValueError(f"{problem}, got {shown(value)}")
    return parts


def _problem(parts: tuple[bytes | str, ...]) -> str:
    first, rest = parts[0], parts[1:]
    if isinstance(first, str):
        return (
            "" if first in PATHS else f"begins with ${{{first}}}, which can be anything; expected a path or an http URI"
        )
    if first[:1] == b"/":
        return "begins with '//', which is another host; write https://" if first[1:2] in (b"/", b"\\") else ""
    scheme = _SCHEME.match(first)
    if scheme is None:
        return "expected a path, such as /new/*, or a URI, such as https://example.org/"
    literal = first[scheme.end() :]
    authority = re.split(rb"[/?#]", literal, maxsplit=1)[0]
    if authority == literal and rest and rest[0] in HOSTS:
        return "" if _LABELS(authority) and _follows(rest[1:]) else "has no valid host in front of its path"
    try:
        parse_authority(authority)
    except WireError:
        return "has no valid host in front of its path"
    if authority == literal and rest and rest[0] not in PATHS:
        return f"has ${{{rest[0]!s}}} behind its host, which would be part of that; write a '/' between them"
    return ""


def _follows(rest: tuple[bytes | str, ...]) -> bool:
    """Whether what stands behind an authority that is a variable does not become a part of it."""
    if not rest:
        return True
    after = rest[0]
    if isinstance(after, str):
        return after in PATHS
    port = _PORT(after)
    return port is not None and (bool(after[port.end() :]) or len(rest) == 1 or rest[1] in PATHS)


def _status(value: object) -> int:
    found = whole(300, 399)(value)
    if found not in REDIRECTING:
        raise ValueError(f"expected {', '.join(map(str, REDIRECTING[:-1]))} or {REDIRECTING[-1]}, got {shown(value)}")
    return found


RedirectStatus = Annotated[
    int, Parsed(_status, anyOf=[{"enum": list(REDIRECTING)}, {"type": "string", "pattern": r"\$\{"}])
]

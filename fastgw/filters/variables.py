"""``${client.address}`` and the like: what a value of the configuration takes from an exchange.

A ``Template`` is made of literal bytes and names of variables, which ``problem`` has passed when the file was checked.  A variable without
a value is empty text.  Values are those of the exchange as it is then: what earlier filters have set is seen, and what the gateway drops is
not, so that no variable carries on a field that a client may not send.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange.about import trace_ids
from fastgw.wire.fields import OWN_REQUEST_FIELDS, OWN_RESPONSE_FIELDS, is_own, is_token
from fastgw.wire.inference import KEYS
from fastgw.wire.messages import CALL, KIND

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.wire.messages import Request

_ASKED: Final = "asked_model"  #: the note of ``core.models.asked``

Read = Callable[[Any], bytes]  #: of an exchange
Part = bytes | str  #: literal text, or the name of a variable

MOST_VARIABLES: Final = 32  #: of one value: each may be as long as a head


def _service_name(exchange: Exchange) -> bytes:
    service: Service | None = exchange.service
    return service.name.encode() if service is not None else b""


def _call(request: Request) -> tuple[bytes, bytes]:
    """Service and method of a call of gRPC; both empty: it is none."""
    if request.header(KIND) != CALL:
        return b"", b""
    from fastgw.wire.grpc import call_of  # which few ask for

    return call_of(request.path)


#: What any hook can ask for.
_PLAIN: Final[Mapping[str, Read]] = {
    "client.address": lambda exchange: exchange.client.address,
    "grpc.method": lambda exchange: _call(exchange.request)[1],
    "grpc.service": lambda exchange: _call(exchange.request)[0],
    "listener.name": lambda exchange: exchange.listener.name.encode(),
    "request.authority": lambda exchange: exchange.request.authority,
    "request.host": lambda exchange: exchange.request.host,
    "request.id": lambda exchange: exchange.request.request_id,
    "request.method": lambda exchange: exchange.request.method,
    "request.original_path": lambda exchange: exchange.request.original_path or exchange.request.path,
    "request.path": lambda exchange: exchange.request.path,
    "request.query": lambda exchange: exchange.request.query[1:],
    "request.scheme": lambda exchange: exchange.request.forwarded_proto or exchange.listener.scheme,
    "request.target": lambda exchange: exchange.request.target,
    "route.name": lambda exchange: exchange.route.name.encode(),
    "span.id": lambda exchange: trace_ids(exchange)[1],
    "trace.id": lambda exchange: trace_ids(exchange)[0],
}
#: What is known when there is an answer.
_OF_ANSWERS: Final[Mapping[str, Read]] = {
    "endpoint.address": lambda exchange: exchange.asked.encode(),
    "response.status": lambda exchange: b"%d" % exchange.response.status,
    "service.name": lambda exchange: _service_name(exchange),
}
#: Fields of a request that do not go on as they came: where their value is.
_FIELDS: Final[Mapping[str, Callable[[Request], bytes]]] = {
    "host": lambda request: request.authority,
    "via": lambda request: request.via,
    "x-request-id": lambda request: request.request_id,
    "x-forwarded-for": lambda request: request.forwarded_for,
    "x-forwarded-proto": lambda request: request.forwarded_proto,
    "x-forwarded-host": lambda request: request.forwarded_host,
}
#: Variables of lines of access logs: those that are the log's own, in which nobody else has a say, and all (``log_variables`` reads them).
OWN_OF_LOGS: Final = frozenset(("log.sampled", "time.iso", "time.local", "time.unix"))
OF_LOGS: Final = OWN_OF_LOGS.union(
    ("duration.ms", "error.code", "error.detail", "error.fault", "exchange.attempts", "grpc.message", "grpc.status"),
    ("request.bytes", "request.line", "response.bytes", "response.status", "user.name"),
)
_FAMILIES: Final = ("header.NAME", "cookie.NAME", "query.NAME", "note.NAME", "path.NAME")
_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*").fullmatch  #: of the path of a route
_NAME: Final = re.compile(r"[^\s&=;,\"]+").fullmatch


class Template:
    """A value with variables in it, ready to be filled in."""

    __slots__ = ("_parts",)

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self._parts = tuple(part if isinstance(part, bytes) else reader(part) for part in parts)

    def fill(self, exchange: Exchange) -> bytes:
        """The value for ``exchange``; it may be empty, and what a note says in it may have any bytes."""
        return b"".join([part if isinstance(part, bytes) else part(exchange) for part in self._parts]).strip(b" \t")


def names(*, is_answer: bool, more: Collection[str] = ()) -> tuple[str, ...]:
    """The variables there are; of an answer there are more, and ``more`` where it is read."""
    found = [*_PLAIN, *_FAMILIES, *more]
    return tuple(sorted({*found, *_OF_ANSWERS, "response.header.NAME"} if is_answer else found))


def problem(name: str, *, is_answer: bool, more: Collection[str] = ()) -> str:
    """Why ``name`` is no variable, or no one that is known yet; empty: it is one.  ``more``: others that are known where it is read."""
    if name in _PLAIN or name in more:
        return ""
    family, _, key = name.partition(".")
    is_of_answers = name in _OF_ANSWERS or name.startswith("response.header.")
    if is_of_answers and not is_answer:
        return "is not known before there is an answer"
    if name in _OF_ANSWERS:
        return ""
    if name.startswith("response.header."):
        return _field_problem(name[len("response.header.") :], OWN_RESPONSE_FIELDS - {b"x-request-id", b"date"})
    if family == "header":
        return _field_problem(key, OWN_REQUEST_FIELDS - {one.encode() for one in _FIELDS})
    if family == "note":
        if key.startswith(f"{_ASKED}."):
            is_known = key[len(_ASKED) + 1 :].encode() in KEYS
            return (
                ""
                if is_known
                else f"is not known of a request to a model: {', '.join(one.decode() for one in KEYS)} are"
            )
        return "" if all(map(_NAME, key.split("."))) else "is not the name of a note"
    if family == "path":
        return "" if _PARAMETER(key) else "is not the name of a parameter"
    if family in ("cookie", "query"):
        return "" if _NAME(key) else f"is not the name of a {'cookie' if family == 'cookie' else 'parameter'}"
    return "is no variable"


def _field_problem(name: str, own: frozenset[bytes]) -> str:
    if not name.isascii() or is_token(name.encode()) is None:
        return "is not the name of a header field"
    return "belongs to one connection, and cannot be carried on" if is_own(name.lower().encode(), own) else ""


def reader(name: str) -> Read:
    """What reads the variable ``name``, which has passed ``problem``."""
    found = _PLAIN.get(name) or _OF_ANSWERS.get(name)
    if found is not None:
        return found
    family, _, key = name.partition(".")
    if family == "response":
        field = key.partition(".")[2].lower().encode()
        return lambda exchange: exchange.response.header(field) or b""
    if family == "header":
        return _header(key.lower())
    if family == "note":
        path = key.split(".")
        if path[0] == _ASKED and len(path) == 2:
            return _asked(path[1].encode())
        return lambda exchange: note_bytes(noted(exchange, path))
    if family == "cookie":
        cookie = key.encode() + b"="
        return lambda exchange: _cookie(exchange.request, cookie)
    if family == "path":
        return lambda exchange: _path_parameter(exchange, key)
    parameter = key.encode() + b"="
    return lambda exchange: _parameter(exchange.request.query, parameter)


def _header(name: str) -> Read:
    read = _FIELDS.get(name)
    if read is not None:
        return lambda exchange: read(exchange.request)
    field = name.encode()
    return lambda exchange: exchange.request.forwarded(field) or b""


def _cookie(request: Request, begin: bytes) -> bytes:
    """The value of the first cookie whose pair begins so (RFC 6265 section 5.4)."""
    pairs = (request.forwarded(b"cookie") or b"").split(b";")
    return next((pair.strip()[len(begin) :] for pair in pairs if pair.strip().startswith(begin)), b"")


def _parameter(query: bytes, begin: bytes) -> bytes:
    """The value, as it is written, of the first parameter that begins so."""
    return next((pair[len(begin) :] for pair in query[1:].split(b"&") if pair.startswith(begin)), b"")


def _path_parameter(exchange: Exchange, name: str) -> bytes:
    """The value, as it is written, of a parameter in the path of the route; empty where there is none, and before there is a route."""
    pattern = exchange.route.pattern
    return b"" if pattern is None else pattern.params(exchange.request.matched_path).get(name, b"")


def _asked(key: bytes) -> Read:
    """What the body of a request to a model says, a text or a whole number; empty where it says neither, or nothing is known of it."""

    def read(exchange: Exchange) -> bytes:
        asked = exchange.notes.get(_ASKED) if exchange.notes is not None else None
        if asked is None:
            return b""
        found = asked.text(key)
        return note_bytes(asked.number(key) if found is None else found)

    return read


def noted(exchange: Exchange, path: list[str]) -> Any:
    """The note ``path[0]``, or what is in it below that; None: there is none."""
    found: Any = exchange.notes
    for step in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(step)
    return found


def note_bytes(value: Any) -> bytes:
    """A note as text."""
    if type(value) is str:
        return value.encode("utf-8", "replace")
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, list | tuple):
        return b", ".join(map(note_bytes, value))
    return str(value).encode("utf-8", "replace")

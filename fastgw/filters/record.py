"""``record``: what some requests were and what became of them, a JSON line each, for ``fastgw replay`` to hold a configuration against.

Nothing that may be a secret is written: of fields the values that ``fields`` names, and never those of credentials; of the query, and of
bodies, what is asked for.  In the place of a value stands ``#`` and a keyed hash: two that were equal can be told, what they were cannot,
for the key is never written (where no ``secret`` is given it is another in each worker, and after each start).  Paths are written as they
are: a configuration cannot be held against less.

A line is (``FORMAT`` 1; what is empty is left out):

    v, at, id, listener, scheme, method, target, host, fields [[name, value]], body {size, hash or data (base64), cut},
    route, service, model, status, code, ms, sent
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange.filter import BodyHook
from fastgw.core.models.asked import NOTE_MODEL
from fastgw.core.timestamp import timestamp
from fastgw.filters.log_lines import LogLines
from fastgw.filters.log_variables import logged_status
from fastgw.filters.sampled import Sampled

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.wire.messages import Request

FORMAT: Final = 1
HASHED: Final = "#"  #: how a value begins that is a hash
FIELDS_MAX: Final = 100  #: of a request
VALUE_MAX: Final = 1024  #: characters of a field, of which more is hashed
TARGET_MAX: Final = 8192  #: bytes

NONE, HASH, WHOLE = "none", "hash", "whole"  #: what is written of bodies


class OpenRecord:
    """A request that is written when it is over: what it was before any filter behind has changed it."""

    __slots__ = ("body", "line")

    def __init__(self, line: dict[str, Any]) -> None:
        self.line = line
        self.body: RecordedBody | None = None


class RecordedBody(BodyHook):
    """Its body, which goes on as it is."""

    def __init__(self, keyed: hashlib.blake2b, most: int) -> None:
        """``keyed``: the hash, which has read nothing else; ``most``: bytes that are kept, 0: it is hashed alone."""
        self._hash = keyed.copy()
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0
        self._is_whole = False

    def feed(self, data: bytes) -> bytes:
        self._hash.update(data)
        if self._size + len(data) <= self._most:
            self._parts.append(data)
        self._size += len(data)
        return data

    def finish(self) -> bytes:
        self._is_whole = True
        return b""

    def told(self) -> dict[str, Any]:
        """As it stands in the line."""
        found: dict[str, Any] = {"size": self._size}
        if not self._is_whole:
            found["cut"] = True  # the client went away, or nobody has read all of it
        elif 0 < self._size <= self._most:
            found["data"] = base64.b64encode(b"".join(self._parts)).decode()
        else:
            found["hash"] = HASHED + self._hash.hexdigest()
        return found


class Record(Sampled):
    """The filter, where bodies are left alone."""

    __slots__ = ("_fields", "_keyed", "_lines", "_most", "_query", "_wall", "name")

    def __init__(self, name: str, options: Mapping[str, Any], wall: Callable[[], float] = time.time) -> None:
        """``options``: as ``config.filters.record`` gives them; ``wall``: seconds since 1970."""
        Sampled.__init__(self, options["sample"], options["max_open"])
        self.name = name
        self._lines = LogLines(
            options["path"], rotate=(*options["rotate"], ("mode", 0o600)) if options["rotate"] else None
        )
        self._fields = frozenset(options["fields"])
        self._query = frozenset(one.encode() for one in options["query"])
        self._most: int = options["max_body"] if options["body"] == WHOLE else 0
        secret: str = options["secret"]
        key = hashlib.sha256(secret.encode()).digest() if secret else secrets.token_bytes(32)
        self._keyed = hashlib.blake2b(digest_size=8, key=key)  # of which each hash is a copy
        self._wall = wall

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be opened for appending.
        """
        self._lines.start(loop)

    def stop(self) -> None:
        """Close it, without waiting."""
        self._lines.stop()

    def _begun(self, exchange: Exchange) -> OpenRecord:
        """As what it came."""
        return OpenRecord(self._line(exchange))

    def _ended(self, exchange: Exchange, kept: OpenRecord) -> None:
        """Write it."""
        line, error = kept.line, exchange.error
        service: Service | None = exchange.service
        model = (exchange.notes or {}).get(NOTE_MODEL)
        if kept.body is not None:
            line["body"] = kept.body.told()
        elif exchange.request.has_body:
            line["body"] = {"size": exchange.body.received}
        line["route"] = exchange.route.name
        if service is not None:
            line["service"] = service.name
        if model:
            line["model"] = _text(model if isinstance(model, bytes) else str(model).encode())[:256]
        line["status"] = logged_status(exchange)
        if error is not None:
            line["code"] = error.code
        line["ms"] = round((exchange.plane.clock() - exchange.started) * 1e3, 3)
        line["sent"] = exchange.bytes_out
        self._lines.add(line)

    def _line(self, exchange: Exchange) -> dict[str, Any]:
        request, listener = exchange.request, exchange.listener
        return {
            "v": FORMAT,
            "at": timestamp(self._wall()),
            "id": _text(request.request_id),
            "listener": listener.name,
            "scheme": _text(request.forwarded_proto or listener.scheme),
            "method": _text(request.method),
            "target": self._target(request),
            "host": _text(request.authority),
            "fields": self._shown(request.fields),
        }

    def _target(self, request: Request) -> str:
        """The path as the client has it, whatever filters have made of it, and the query with the values that may be shown."""
        path = request.original_path or request.path
        if not request.query:
            return _text(path)[:TARGET_MAX]
        shown = []
        for one in request.query[1:].split(b"&"):
            name, equals, value = one.partition(b"=")
            if not equals and name:
                name, value = b"", name  # a value without a name, which may be a secret by itself
            is_shown = not value or name in self._query
            shown.append(f"{_text(name)}={_text(value) if is_shown else self._hashed(value)}")
        return f"{_text(path)}?{'&'.join(shown)}"[:TARGET_MAX]

    def _shown(self, lines: bytes) -> list[tuple[str, str]]:
        """The fields: the names of all, and of some the values."""
        found = []
        for line in _text(lines).split("\r\n", FIELDS_MAX)[:FIELDS_MAX]:
            name, colon, value = line.partition(":")
            if colon:
                name, value = name.lower(), value.strip(" \t")
                is_shown = name in self._fields and len(value) <= VALUE_MAX
                found.append((name, value if is_shown else self._hashed(value.encode())))
        return found

    def _hashed(self, value: bytes) -> str:
        found = self._keyed.copy()
        found.update(value)
        return HASHED + found.hexdigest()


class RecordBodies(Record):
    """The filter, where bodies are hashed or kept."""

    __slots__ = ()

    def read_request(self, exchange: Exchange) -> RecordedBody | None:
        """See the body of one that is recorded."""
        kept: OpenRecord | None = self._open.get(exchange)
        if kept is None:
            return None
        kept.body = RecordedBody(self._keyed, self._most)
        return kept.body


class RecordNothing:
    """The filter where nothing is recorded: it has no hook, and no file."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def record(name: str, options: Mapping[str, Any]) -> Record | RecordNothing:
    """The filter that ``options`` ask for."""
    if not options["sample"]:
        return RecordNothing(name)
    return Record(name, options) if options["body"] == NONE else RecordBodies(name, options)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")

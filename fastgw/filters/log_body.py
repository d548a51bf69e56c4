"""``log_body``: some requests and answers with their bodies, one JSON line each, for those who look for a fault or keep a record.

Bodies have secrets in them, so only what can be read is written: JSON, and events of JSON; members with names of secrets are replaced.
Everything is bounded: how many exchanges are watched at one time, how much of each body is kept, how deep it is looked into.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.core.exchange.filter import BodyHook
from fastgw.core.timestamp import timestamp
from fastgw.filters.log_lines import LogLines
from fastgw.filters.sampled import Sampled

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.wire.messages import Request, Response

REDACTED: Final = "[redacted]"
_DEPTH_MAX: Final = 64  #: of what is read; deeper is not written
_VALUE_MAX: Final = 1024  #: bytes of a field that came from a client
_EVENTS: Final = b"text/event-stream"


class _Watch:
    """One exchange."""

    __slots__ = ("request", "response")

    def __init__(self) -> None:
        self.request: _Kept | None = None
        self.response: _Kept | None = None


class LogBody(Sampled):
    """The filter."""

    __slots__ = (
        "_errors_only",
        "_lines",
        "_max_size",
        "_redact",
        "_sides",
        "_wall",
        "name",
    )

    def __init__(self, name: str, options: Mapping[str, Any], wall: Callable[[], float] = time.time) -> None:
        """``options``: ``path``; ``rotate``, as of an access log; ``sample``, a fraction; ``only``: ``all`` or ``errors``; ``bodies``:
        ``both``, ``requests`` or ``responses``; ``max_size``, bytes of one body; ``max_open``, exchanges at one time; ``redact``, names.
        """
        Sampled.__init__(self, options["sample"], options["max_open"])
        self.name = name
        self._lines = LogLines(options["path"], rotate=options.get("rotate"))
        self._errors_only: bool = options["only"] == "errors"
        self._sides: str = options["bodies"]
        self._max_size: int = options["max_size"]
        self._redact = frozenset(one.lower() for one in options["redact"])
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

    def read_request(self, exchange: Exchange) -> _Kept | None:
        """Keep the body, if it is one that can be written."""
        watch: _Watch | None = self._open.get(exchange)
        if watch is None or self._sides == "responses":
            return None
        watch.request = _Kept(exchange.request, self._max_size)
        return watch.request if watch.request.is_wanted else None

    def read_response(self, exchange: Exchange) -> _Kept | None:
        """The same of the answer."""
        watch: _Watch | None = self._open.get(exchange)
        if watch is None or self._sides == "requests":
            return None
        watch.response = _Kept(exchange.response, self._max_size)
        return watch.response if watch.response.is_wanted else None

    def _begun(self, exchange: Exchange) -> _Watch:
        return _Watch()

    def _ended(self, exchange: Exchange, kept: _Watch) -> None:
        """Write it."""
        request, response = exchange.request, exchange.response
        error = exchange.error
        status = error.status if error is not None and error.status == 499 else response.status
        if self._errors_only and status < 400:
            return
        line: dict[str, Any] = {
            "time": timestamp(self._wall()),
            "id": _text(request.request_id),
            "client": _text(exchange.client.address),
            "method": _text(request.method),
            "path": _text(request.original_path or request.path),
            "status": status,
            "route": exchange.route.name,
        }
        for key, body in (("request", kept.request), ("response", kept.response)):
            if body is not None:
                line[key] = body.told(self._redact)
        reply = exchange.replied
        if reply is not None and self._sides != "requests":
            line["response"] = _of_reply(reply.content_type, reply.body, self._max_size, self._redact)
        self._lines.add(line)


class _Kept(BodyHook):
    """The beginning of one body."""

    def __init__(self, message: Request | Response, most: int) -> None:
        self._kind = (message.header(b"content-type") or b"").partition(b";")[0].strip(b" \t").lower()
        coding = (message.header(b"content-encoding") or b"identity").strip(b" \t").lower()
        self._why = "coded" if coding != b"identity" else "type" if not _is_read(self._kind) else ""
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0
        self._is_whole = False

    @property
    def is_wanted(self) -> bool:
        """Can it be written at all?"""
        return not self._why

    def feed(self, data: bytes) -> bytes:
        room = self._most - self._size
        if room > 0:
            self._parts.append(data[:room])
        self._size += len(data)
        return data

    def finish(self) -> bytes:
        self._is_whole = True
        return b""

    def told(self, redact: frozenset[str]) -> dict[str, Any]:
        """What stands in the line."""
        found: dict[str, Any] = {"type": _text(self._kind)}
        if self._why:
            return found | {"omitted": self._why}
        found["size"] = self._size
        if not self._is_whole:
            found["cut"] = True  # the client, or the service, went away
        data = b"".join(self._parts)
        if self._kind == _EVENTS:
            return found | _events(data, self._size > self._most, redact)
        if self._size > self._most:
            return found | {"omitted": "too_large"}
        return found | _json(data, redact)


def _is_read(kind: bytes) -> bool:
    return kind in (b"application/json", _EVENTS) or kind.endswith(b"+json")


def _of_reply(content_type: str, body: bytes, most: int, redact: frozenset[str]) -> dict[str, Any]:
    """An answer of our own."""
    kind = content_type.partition(";")[0].strip().lower().encode("latin-1")
    found: dict[str, Any] = {"type": _text(kind), "size": len(body)}
    if kind == _EVENTS or not _is_read(kind):
        return found | {"omitted": "type"}
    return found | ({"omitted": "too_large"} if len(body) > most else _json(body, redact))


def _json(data: bytes, redact: frozenset[str]) -> dict[str, Any]:
    try:
        return {"body": redacted(orjson.loads(data), redact)}
    except ValueError:
        return {"omitted": "no_json"}


def _events(data: bytes, is_cut: bool, redact: frozenset[str]) -> dict[str, Any]:
    """The data of each event, as JSON where it is some; the last one is not whole if the stream was cut."""
    blocks = data.replace(b"\r\n", b"\n").split(b"\n\n")
    if is_cut:
        blocks.pop()
    told: list[Any] = []
    for block in blocks:
        lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
        if lines:
            found = _json(b"\n".join(lines), redact)
            told.append(found.get("body", "[DONE]" if lines == [b"[DONE]"] else found))
    return {"events": told} | ({"omitted": "too_large"} if is_cut else {})


def redacted(value: Any, names: frozenset[str]) -> Any:
    """``value``, as JSON has it, with what stands under one of ``names`` (lower case) replaced; it is changed in place.

    Raises:
        ValueError: it is too deep.
    """
    level = [value]
    for _ in range(_DEPTH_MAX):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                for key in one:
                    if key.lower() in names:
                        one[key] = REDACTED
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        level = [one for one in inner if isinstance(one, dict | list)]
        if not level:
            return value
    raise ValueError(f"it is deeper than {_DEPTH_MAX}")


def _text(value: bytes) -> str:
    return value[:_VALUE_MAX].decode("latin-1")

"""The body of a request that names a model: where the name stands, and another in its place, by splicing: all other bytes stay as they are.

A body is read whole before anything of it leaves, so that what is chosen, and later what a key may ask for, is what every service reads:
JSON in which ``model`` stands twice, or a form that has two, is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from fastgw.core.exchange.mending import DIGESTS
from fastgw.core.models.asked import text_of
from fastgw.errors import DownstreamError
from fastgw.wire.inference import KEYS, MODEL_MAX
from fastgw.wire.json_skim import Skim
from fastgw.wire.json_value import AMBIGUOUS, KIND_NAMES, NULL, STRING, JsonError
from fastgw.wire.lines import has_any
from fastgw.wire.multipart_skim import FormError, find_value, is_form
from fastgw.wire.scan import cut, join

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.wire.messages import Request

VALUE_MAX: Final = 4096  #: bytes of a value of the body that are kept
_SMALL = 16 * 1024  #: bytes of a body that are copied once more without harm
_NAME: Final = b"model"
_HYPHEN: Final = 0x2D


class ModelBody:
    """One body on its way in."""

    __slots__ = ("_form", "_has_begun", "_keys", "_request", "name", "skim", "start", "stop")

    def __init__(self, request: Request, keys: tuple[bytes, ...] = KEYS) -> None:
        """``keys``: those that are looked for, ``KEYS`` in front."""
        self._request = request
        self._keys = keys
        self._has_begun = False
        self._form = b""  #: the type of a form; empty: it is JSON
        self.skim: Skim | None = None  #: which sees it; None: it is a form
        self.name: str | None = None  #: of the model; None: the body has none
        self.start = self.stop = 0  #: where its value stands; 0: where one could be put in

    def feed(self, data: bytes) -> None:
        """More of it.

        Raises:
            DownstreamError: 400, it is no JSON, or has two readings.
        """
        if not self._has_begun and data:
            self._begin(data[0])
        if self.skim is not None:
            try:
                self.skim.feed(data)
            except JsonError as error:
                raise _refused(error) from None

    def read(self, data: bytes) -> None:
        """All of it at once.

        Raises:
            DownstreamError: as ``feed`` and ``finish``.
        """
        if not data or data[0] == _HYPHEN:  # it may be a form
            self.feed(data)
            self.finish(data)
            return
        self.skim = Skim(self._keys, 0, VALUE_MAX)
        try:
            self.skim.read(data)
        except JsonError as error:
            raise _refused(error) from None
        self._take_name(self.skim)

    def _begin(self, first: int) -> None:
        """``first``: its first byte.  Only a form begins with a hyphen; and what is JSON as a whole no reader takes for a form, whatever
        its type says: in JSON no line begins with two hyphens."""
        self._has_begun = True
        if first == _HYPHEN:
            kind = self._request.header(b"content-type") or b""
            if is_form(kind):
                self._form = kind
                return
        self.skim = Skim(self._keys, 0, VALUE_MAX)

    def finish(self, data: bytes) -> None:
        """There is no more; ``data`` is all of it.

        Raises:
            DownstreamError: 400, as above, or the name of the model is none.
        """
        if self._form:
            self._finish_form(data)
            return
        if self.skim is None:
            raise DownstreamError(400, "json_malformed", "the request body is empty")
        try:
            self.skim.finish()
        except JsonError as error:
            raise _refused(error) from None
        self._take_name(self.skim)

    def _take_name(self, skim: Skim) -> None:
        kind = skim.kind(0)
        self.start, self.stop = skim.start(0), skim.stop(0)
        if kind in (0, NULL):
            return
        if kind != STRING:
            raise _invalid(f"model must be a string, and is {KIND_NAMES[kind]}")
        raw = skim.raw(0)
        if raw is None or len(raw) > MODEL_MAX:
            raise _invalid(f"the name of the model has more than {MODEL_MAX} bytes")
        self.name = text_of(raw)

    @property
    def is_form(self) -> bool:
        """Whether it is a form, which is read when it is whole."""
        return self._form != b""

    def _finish_form(self, data: bytes) -> None:
        try:
            value = find_value(data, self._form, _NAME)
        except FormError as error:
            raise DownstreamError(400, "form_malformed", f"the request body cannot be read: {error}") from None
        if value is None:
            return
        self.start, self.stop = value
        if self.stop - self.start > MODEL_MAX:
            raise _invalid(f"the name of the model has more than {MODEL_MAX} bytes")
        try:
            self.name = data[self.start : self.stop].decode()
        except UnicodeDecodeError:
            raise _invalid("the name of the model is no UTF-8") from None

    def renamed(self, data: bytes, name: str, written: bytes = b"") -> bytes:
        """``data``, the body that was read, with ``name`` as its model, which is ``written`` so in JSON if that is known.

        A form without a model stays as it is."""
        if self._form:
            return _spliced(data, self.start, self.stop, name.encode()) if self.start else data
        value = written or orjson.dumps(name)
        if self.start:
            return _spliced(data, self.start, self.stop, value)
        place = data.index(b"{") + 1
        comma = b"" if data[place:].lstrip(b" \t\r\n")[:1] == b"}" else b","
        return _spliced(data, place, place, b'"model":' + value + comma)

    def renamed_parts(self, parts: list[bytes], name: str, written: bytes = b"") -> list[bytes]:
        """The same of a body in parts, of which those that have nothing of its model stay the objects that they are."""
        if len(parts) == 1 or self._form or not self.start:
            return [self.renamed(parts[0] if len(parts) == 1 else b"".join(parts), name, written)]
        value = written or orjson.dumps(name)
        made: list[bytes] = []
        at = 0
        for part in parts:
            first, last = max(self.start - at, 0), min(self.stop - at, len(part))
            if first < last:  # else the value stands before or behind it
                part = _spliced(part, first, last, value if self.start >= at else b"")
            made.append(part)
            at += len(parts[len(made) - 1])
        return [part for part in made if part]


def rename(exchange: Exchange, name: str) -> None:
    """Have the body of ``exchange``, all of which is held, name this model from now on.

    Raises:
        DownstreamError: it cannot be read: a filter has made something else of it.
    """
    data = exchange.body.whole()
    read = ModelBody(exchange.request)
    read.read(data)
    if read.name != name:
        hold(exchange, read.renamed(data, name))


def hold(exchange: Exchange, data: bytes, has_digests: bool = True) -> None:
    """Have ``data`` be all of the body of ``exchange``, in the place of what is held of it, and its head say so.

    ``has_digests``: the head may have fields of ``DIGESTS``."""
    hold_parts(exchange, [data] if data else [], has_digests)


def hold_parts(exchange: Exchange, parts: list[bytes], has_digests: bool = True) -> None:
    """The same of data in parts, none of which is empty."""
    body, request = exchange.body, exchange.request
    size = 0
    for part in parts:
        size += len(part)
    exchange.plane.body_bytes += size - body.held
    body.pending = parts
    body.held = size
    if request.chunked:
        if not body.trailers:
            request.gain_length(size)
    elif request.content_length != size:
        request.gain_length(size)
    if has_digests and size != body.received and has_any(request.head, DIGESTS):
        request.edit(DIGESTS, ())


def _spliced(data: bytes, start: int, stop: int, value: bytes) -> bytes:
    if len(data) > _SMALL:
        whole = memoryview(data)
        return b"".join((whole[:start], value, whole[stop:]))
    return join((cut(data, 0, start), value, cut(data, stop, len(data))))


def _refused(error: JsonError) -> DownstreamError:
    detail = f"the request body cannot be read: {error}"
    if error.reason == AMBIGUOUS:
        return DownstreamError(400, "json_ambiguous", detail)
    return DownstreamError(400, "json_malformed", detail)


def _invalid(detail: str) -> DownstreamError:
    return DownstreamError(400, "model_malformed", detail)

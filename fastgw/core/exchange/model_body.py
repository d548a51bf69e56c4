"""The body of a request that names a model: where the name stands, and another in its place, by splicing: all other bytes stay as they are.

A body is read whole before anything of it leaves, so that what is chosen, and later what a key may ask for, is what every service reads:
JSON in which ``model`` stands twice, or a form that has two, is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from fastgw.core.exchange.asked_model import text_of
from fastgw.core.exchange.mending import DIGESTS
from fastgw.errors import DownstreamError
from fastgw.wire.inference import KEYS, MODEL_MAX
from fastgw.wire.json_skim import Skim
from fastgw.wire.json_value import AMBIGUOUS, KIND_NAMES, NULL, STRING, JsonError
from fastgw.wire.lines import has_any
from fastgw.wire.multipart_skim import FormError, find_value, is_form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastgw.core.exchange.ends import Exchange
    from fastgw.wire.json_value import JsonValue
    from fastgw.wire.messages import Request

VALUE_MAX: Final = 4096  #: bytes of a value of the body that are kept
_NAME: Final = b"model"


class ModelBody:
    """One body on its way in."""

    __slots__ = ("_form", "_skim", "found", "name", "start", "stop")

    def __init__(self, request: Request) -> None:
        kind = request.header(b"content-type") or b""
        self._form = kind if is_form(kind) else b""  #: the type of a form; empty: it is JSON
        self._skim = None if self._form else Skim(KEYS, 0, VALUE_MAX)
        self.found: Sequence[JsonValue | None] = ()  #: what the skim has found
        self.name: str | None = None  #: of the model; None: the body has none
        self.start = self.stop = 0  #: where its value stands; 0: where one could be put in

    def feed(self, data: bytes) -> None:
        """More of it.

        Raises:
            DownstreamError: 400, it is no JSON, or has two readings.
        """
        if self._skim is not None:
            try:
                self._skim.feed(data)
            except JsonError as error:
                raise _refused(error) from None

    def finish(self, data: bytes) -> None:
        """There is no more; ``data`` is all of it.

        Raises:
            DownstreamError: 400, as above, or the name of the model is none.
        """
        if self._skim is None:
            self._finish_form(data)
            return
        try:
            self._skim.finish()
        except JsonError as error:
            raise _refused(error) from None
        self.found = self._skim.found
        value = self.found[0]
        if value is None or value.kind == NULL:
            if value is not None:
                self.start, self.stop = value.start, value.stop
            return
        if value.kind != STRING:
            raise _invalid(f"model must be a string, and is {KIND_NAMES[value.kind]}")
        if value.raw is None or len(value.raw) > MODEL_MAX:
            raise _invalid(f"the name of the model has more than {MODEL_MAX} bytes")
        self.start, self.stop = value.start, value.stop
        self.name = text_of(value.raw)

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

    def renamed(self, data: bytes, name: str) -> bytes:
        """``data``, the body that was read, with ``name`` as its model.  A form without a model stays as it is."""
        if self._form:
            return _spliced(data, self.start, self.stop, name.encode()) if self.start else data
        if self.start:
            return _spliced(data, self.start, self.stop, orjson.dumps(name))
        place = data.index(b"{") + 1
        comma = b"" if data[place:].lstrip(b" \t\r\n")[:1] == b"}" else b","
        return _spliced(data, place, place, b'"model":' + orjson.dumps(name) + comma)


def rename(exchange: Exchange, name: str) -> None:
    """Have the body of ``exchange``, all of which is held, name this model from now on.

    Raises:
        DownstreamError: it cannot be read: a filter has made something else of it.
    """
    data = b"".join(exchange.body.pending)
    read = ModelBody(exchange.request)
    read.feed(data)
    read.finish(data)
    if read.name != name:
        hold(exchange, read.renamed(data, name))


def hold(exchange: Exchange, data: bytes) -> None:
    """Have ``data`` be all of the body of ``exchange``, in the place of what is held of it, and its head say so."""
    body, request = exchange.body, exchange.request
    exchange.plane.body_bytes += len(data) - body.held
    body.pending = [data] if data else []
    body.held = len(data)
    if request.chunked:
        if not body.trailers:
            request.gain_length(len(data))
    elif request.content_length != len(data):
        request.gain_length(len(data))
    if len(data) != body.received and has_any(request.head, DIGESTS):
        request.edit(DIGESTS, ())


def _spliced(data: bytes, start: int, stop: int, value: bytes) -> bytes:
    whole = memoryview(data)
    return b"".join((whole[:start], value, whole[stop:]))


def _refused(error: JsonError) -> DownstreamError:
    detail = f"the request body cannot be read: {error}"
    if error.reason == AMBIGUOUS:
        return DownstreamError(400, "json_ambiguous", detail)
    return DownstreamError(400, "json_malformed", detail)


def _invalid(detail: str) -> DownstreamError:
    return DownstreamError(400, "model_malformed", detail)

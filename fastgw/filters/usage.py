"""``usage``: how many tokens each request to a model server took, what that cost, and how soon they came.

    request    ask for an answer that can be read, one without a content coding, and for the usage of a stream (``filters.asking``)
    response   a ``UsageMeter`` reads it on its way (``filters.metering``)
    done       settle, once, whatever the end was: the note ``usage``, counters, a line of the usage log

``settle`` is the one place where all of that becomes a number.  Filters in front of this one find it as the note, in their ``done``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.core.counters import MODEL
from fastgw.core.exchange.mending import may_change_request, may_change_response
from fastgw.core.model_counters import (
    CACHE_READ_TOKENS,
    DURATION_US,
    ESTIMATED_TOKENS,
    FIRST_TOKEN_US,
    INPUT_TOKENS,
    OTHER,
    OUTPUT_TOKENS,
    PER_TOKEN_US,
    REASONING_TOKENS,
)
from fastgw.core.models.asked import NOTE as NOTE_ASKED
from fastgw.core.models.asked import NOTE_MODEL
from fastgw.core.timestamp import timestamp
from fastgw.filters.asking import HOLD_MAX, IncludingUsage, ModelRequest, Splice, read, read_model
from fastgw.filters.log_lines import LogLines
from fastgw.filters.log_variables import logged_status, user_of
from fastgw.filters.metering import BYTES_OF_TOKEN, UsageMeter, meter_of
from fastgw.filters.prices import Prices
from fastgw.wire.usage import NOT_TOLD, TokenCounts

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.models.asked import AskedModel
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.filters.key_usage import KeyUsage
    from fastgw.filters.writer import Writer

NOTE: Final = "usage"
_CODED: Final = (b"accept-encoding",)
_UNCODED: Final = b"accept-encoding: identity\r\n"
_EDITED: Final = frozenset(_CODED)
_OPTIONS: Final = b"stream_options"
#: How the paths end behind which a model makes text, and those behind which it only reads some: so a body that tells nothing of its tokens
#: has some all the same.
_MAKING: Final = (b"/completions", b"/responses", b"/messages", b"/api/chat", b"/api/generate")
_READING: Final = (b"/embeddings", b"/rerank", b"/score", b"/pooling", b"/api/embed")
_PATHS_MAX: Final = 256  #: of which is remembered whether a model makes text behind them
_PATH_MAX: Final = 128  #: bytes of one
#: Numbers of a line, and how they begin there.
_NUMBERS: Final = tuple(
    (name, b',"%b":' % name.encode())
    for name in ("prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "reasoning_tokens")
)
_OBJECT: Final = (b"{", b" ", b"\n", b"\r", b"\t")  #: how one may begin; nothing that is compressed, and no form, does
_UNCACHED: Final = ("miss", "bypass")  #: what a cache says of a request that its service has answered (``core.labels``)
_STREAMING: Final = b"/completions"  #: how those end whose streams tell of tokens only if that is asked for
_KEY, _LABELS = "api_key", "labels"  #: notes of a filter that knows the key of the client
_VALUE_MAX: Final = 256  #: characters of what a client has said, in a line

#: The note of an exchange that has used nothing.
_SETTLED: Final[dict[str, Any]] = {
    **dict.fromkeys(("model", "requested_model")),
    **{one: 0 for one, _ in _NUMBERS},
    "estimated": False,
    "cost": None,
}
_paths: dict[bytes, bool] = {}  #: what ``is_making`` says: nearly all requests have one of few paths


class Metering:
    """What is known of an exchange until it is settled."""

    __slots__ = (
        "asked",
        "cached",
        "completion",
        "estimated_completion",
        "estimated_prompt",
        "is_estimated",
        "meter",
        "prompt",
        "reasoning",
        "strips",
    )

    def __init__(self) -> None:
        self.asked = ""  #: the model that the client asks for
        self.strips = False  #: the usage of its stream was asked for by us alone
        self.meter: UsageMeter | None = None  #: what has read the answer; None: nobody
        self.is_estimated = False  #: the service has not told all of it
        self.estimated_prompt = 0  #: tokens
        self.estimated_completion = 0
        self.prompt = 0  #: tokens, when it is settled; so are the others
        self.completion = 0
        self.cached = 0
        self.reasoning = 0

    def learn(self, asked: ModelRequest) -> None:
        """This is what the request asks for, and what was put into it goes to the service."""
        self.asked = self.asked or asked.model
        self.strips = asked.splice is not None


class Usage:
    """The filter."""

    __slots__ = (
        "_after",
        "_bases",
        "_before",
        "_by_key",
        "_has_prices",
        "_includes",
        "_lines",
        "_names_keys",
        "_prices",
        "_wall",
        "name",
    )

    is_careful = True

    def __init__(self, name: str, options: Mapping[str, Any], wall: Callable[[], float] = time.time) -> None:
        """``options``: ``path`` of the log, None: there is none; ``rotate`` and ``flush``, as of an access log; ``keys``: names of those
        that are counted; ``prices``, as those of ``Prices``; ``include_usage``: ask for that of streams.  ``wall``: seconds since 1970.
        """
        self.name = name
        self._includes: bool = options["include_usage"]
        self._before: frozenset[bytes] | None = None
        self._after = _EDITED
        self._bases: dict[str, dict[str, int]] = {}  #: where counters begin, by the service, then by the model
        self._names_keys = bool(options.get("keys"))
        self._by_key: KeyUsage | None = None
        self._wall = wall
        prices = options.get("prices", ())
        self._prices = Prices(prices)
        self._has_prices = bool(prices)
        path = options.get("path")
        self._lines = LogLines(path, flush=options["flush"], rotate=options["rotate"]) if path else None

    @property
    def prices(self) -> Prices | None:
        """What tokens cost; None: nothing."""
        return self._prices if self._has_prices else None

    def count_in(self, slots: Mapping[tuple[str, str], int]) -> None:
        """Count what the models of services use, by the names of both, in these slots (``config.metered``)."""
        self._bases = {service: {} for service, _ in slots}
        for (service, model), slot in slots.items():
            self._bases[service][model] = MODEL.base(slot)

    def count_keys(self, slots: Mapping[str, int]) -> None:
        """Count what keys use, by their names, in these slots, if any are named."""
        if self._names_keys:
            from fastgw.filters.key_usage import KeyUsage as Made  # which a worker without such does not need

            self._by_key = Made(slots)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the log.

        Raises:
            OSError: it cannot be opened for appending.
        """
        if self._lines is not None:
            self._lines.start(loop)

    def stop(self) -> None:
        """Close it, without waiting."""
        if self._lines is not None:
            self._lines.stop()

    def request(self, exchange: Exchange) -> None:
        """Ask for an answer that is not compressed: nobody could read another on its way."""
        request = exchange.request
        if request.method == b"POST" and request.drop(_CODED):
            edited = request.edited
            if edited is None:
                edited = _EDITED
            else:  # sets of names are the same objects for all requests that meet the same filters, so to unite them once is enough
                if edited is not self._before:
                    self._before, self._after = edited, edited | _EDITED
                edited = self._after
            request.change((), _UNCODED, edited)

    def transform_request(self, exchange: Exchange) -> IncludingUsage | None:
        """Read what it asks for; what has to ask for more is changed."""
        request = exchange.request
        if request.method != b"POST" or (exchange.notes is not None and NOTE in exchange.notes):
            return None
        known = Metering()
        exchange.note(NOTE, known)
        notes = exchange.notes
        assert notes is not None
        # The body may have another name by now: that which its service has for it.
        known.asked = notes.get(NOTE_MODEL, "")
        asked_model: AskedModel | None = notes.get(NOTE_ASKED)
        if asked_model is not None:  # who has chosen the service has found all that matters here
            known.asked = known.asked or asked_model.sent_as
            if not asked_model.says_stream():
                return None
        path = request.original_path or request.path
        asks = self._includes and path.endswith(_STREAMING) and may_change_request(request)
        body = exchange.body
        if not body.is_done:
            return IncludingUsage(exchange, known.learn) if asks and body.announced <= HOLD_MAX else None
        is_read = asks and body.held <= HOLD_MAX
        if known.asked and not is_read:
            return None
        data = body.whole()
        if not data.startswith(_OBJECT):
            return None
        if not is_read:
            known.asked = read_model(data)
            return None
        has_none = asked_model is not None and not asked_model.has(_OPTIONS)
        asked = ModelRequest(known.asked, Splice.into(data)) if has_none else read(data)
        if asked.splice is None:
            known.learn(asked)
            return None
        return IncludingUsage(exchange, known.learn, asked)

    def transform_response(self, exchange: Exchange) -> UsageMeter | None:
        """Meter an answer of which something is taken out again."""
        known = _metering(exchange)
        if known is None or not known.strips or known.meter is not None:
            return None
        if not may_change_response(exchange.request, exchange.response):
            return None
        known.meter = meter_of(exchange, True)
        return known.meter

    def read_response(self, exchange: Exchange) -> UsageMeter | None:
        """Meter any other, unless another filter of this type does."""
        if exchange.request.method != b"POST":
            return None
        known = _metering(exchange)
        if known is None:
            known = Metering()
            exchange.note(NOTE, known)
        if known.meter is not None:
            return None
        known.meter = meter_of(exchange, False)
        return known.meter

    def done(self, exchange: Exchange) -> None:
        """Settle, and tell."""
        if exchange.request.method != b"POST":
            return
        notes = exchange.notes
        settled = notes.get(NOTE) if notes is not None else None
        if not isinstance(settled, dict):  # else another filter of this type has
            known = _metering(exchange) or Metering()
            settled = settle(exchange, known, self._prices if self._has_prices else None)
            exchange.note(NOTE, settled)
            if self._bases:
                self._count(exchange, settled, known)
            if self._by_key is not None:
                self._by_key.count(exchange, settled)
        if self._lines is not None:
            self._write(exchange, settled)

    def _count(self, exchange: Exchange, settled: Mapping[str, Any], known: Metering) -> None:
        service: Service | None = exchange.service
        if service is None or not _is_used(exchange):
            return
        bases = self._bases.get(service.name)
        if bases is None:
            return
        base = bases.get(settled["model"], 0) or bases.get(known.asked, 0) or bases.get(OTHER, 0)
        if not base:
            return
        plane = exchange.plane
        plane.values[base + INPUT_TOKENS] += known.prompt
        plane.values[base + OUTPUT_TOKENS] += known.completion
        plane.values[base + CACHE_READ_TOKENS] += known.cached
        plane.values[base + REASONING_TOKENS] += known.reasoning
        plane.values[base + ESTIMATED_TOKENS] += known.estimated_prompt
        plane.values[base + ESTIMATED_TOKENS + 1] += known.estimated_completion
        if exchange.response.status:
            plane.count_time(base + DURATION_US, plane.clock() - exchange.started)
        if known.meter is not None and known.meter.first:
            if "first_token_ms" in settled:
                plane.count_time(base + FIRST_TOKEN_US, settled["first_token_ms"] / 1e3)
            if "per_token_ms" in settled:
                plane.count_time(base + PER_TOKEN_US, settled["per_token_ms"] / 1e3)

    def _write(self, exchange: Exchange, settled: Mapping[str, Any]) -> None:
        """Add the line of ``exchange``."""
        request, error = exchange.request, exchange.error
        service: Service | None = exchange.service
        lines = self._lines
        assert lines is not None
        writer = lines.writer
        micros = int((exchange.plane.clock() - exchange.started) * 1e6 + 0.5)
        lines.begin()
        writer.put(b'{"time":"')
        writer.put(timestamp(self._wall()).encode())
        writer.put(b'","id":')
        writer.text(request.request_id)
        writer.put(b',"client":')
        writer.text(exchange.client.address)
        writer.put(b',"user":')
        user = user_of(exchange) if exchange.notes is not None and len(exchange.notes) > 1 else b""
        writer.put(orjson.dumps(user.decode("utf-8", "replace")[:_VALUE_MAX]) if user else b"null")
        if exchange.notes is not None:
            _write_key(writer, exchange.notes)
        writer.put(b',"route":')
        writer.string(exchange.route.name)
        _write_name(writer, b',"service":', service.name if service is not None else None)
        writer.put(b',"path":')
        writer.text(request.original_path or request.path)
        writer.put(b',"status":')
        writer.number(logged_status(exchange))
        _write_name(writer, b',"model":', settled["model"])
        _write_name(writer, b',"requested_model":', settled["requested_model"])
        for name, key in _NUMBERS:
            writer.put(key)
            writer.number(settled[name])
        writer.put(b',"estimated":true,"cost":' if settled["estimated"] else b',"estimated":false,"cost":')
        cost = settled["cost"]
        writer.put(b"null" if cost is None else repr(cost).encode())
        if "cached" in settled:
            writer.put(b',"cached":true')
        if "first_token_ms" in settled:
            writer.put(b',"first_token_ms":%b' % repr(settled["first_token_ms"]).encode())
        if "per_token_ms" in settled:
            writer.put(b',"per_token_ms":%b' % repr(settled["per_token_ms"]).encode())
        writer.put(b',"ms":')
        writer.number(micros // 1000)
        writer.put(b".")
        writer.three(micros)
        if error is not None:
            _write_name(writer, b',"error":', error.code)
        lines.end()


def settle(exchange: Exchange, known: Metering, prices: Prices | None) -> dict[str, Any]:
    """What ``exchange``, which is over, has used: tokens as its service has told them, or else by estimate.

    Nothing is used where no service was asked, or its answer was an error, or the gateway has answered for it.
    """
    is_cached = _is_cached(exchange)
    meter = None if is_cached else known.meter
    told = meter.told if meter is not None else TokenCounts()
    prompt, completion = told.prompt, told.completion
    if prompt == NOT_TOLD or completion == NOT_TOLD:
        _estimate(exchange, known, meter, prompt, completion)
    known.prompt = max(prompt, 0) + known.estimated_prompt
    known.completion = max(completion, 0) + known.estimated_completion
    known.cached = min(max(told.cached, 0), known.prompt)
    known.reasoning = max(told.reasoning, 0)
    settled = _SETTLED.copy()
    settled["model"] = told.model or known.asked or None
    settled["requested_model"] = known.asked or None
    settled["prompt_tokens"] = known.prompt
    settled["completion_tokens"] = known.completion
    settled["total_tokens"] = known.prompt + known.completion
    if known.cached:
        settled["cached_tokens"] = known.cached
    if known.reasoning:
        settled["reasoning_tokens"] = known.reasoning
    if known.is_estimated:
        settled["estimated"] = True
    if is_cached:
        settled["cached"] = True
    if prices is not None:
        settled["cost"] = prices.cost(told.model, known.asked, known.prompt, known.cached, known.completion)
    if meter is not None and meter.first:
        _add_times(settled, exchange, meter, known.completion)
    return settled


def _estimate(exchange: Exchange, known: Metering, meter: UsageMeter | None, prompt: int, completion: int) -> None:
    """Estimate what is ``NOT_TOLD`` of these, if a model has worked."""
    path = exchange.request.original_path or exchange.request.path
    makes = is_making(path)
    if not (makes or path.endswith(_READING)) or not _is_used(exchange):
        return
    if prompt == NOT_TOLD:
        known.estimated_prompt = exchange.body.received // BYTES_OF_TOKEN
        known.is_estimated = True
    if completion == NOT_TOLD and makes and (meter is None or not meter.is_whole):
        known.estimated_completion = meter.generated() if meter is not None else exchange.bytes_out // BYTES_OF_TOKEN
        known.is_estimated = True


def is_making(path: bytes) -> bool:
    """Whether a model makes text behind ``path``."""
    known = _paths.get(path)
    if known is None:
        known = path.endswith(_MAKING)
        if len(_paths) < _PATHS_MAX and len(path) <= _PATH_MAX:
            _paths[path] = known
    return known


def _metering(exchange: Exchange) -> Metering | None:
    known = exchange.notes.get(NOTE) if exchange.notes is not None else None
    return known if isinstance(known, Metering) else None


def _is_used(exchange: Exchange) -> bool:
    """Whether a service has worked for it: it has answered well, or was at it when the client left."""
    if exchange.replied is not None or _is_cached(exchange):
        return False
    status = exchange.response.status
    return 200 <= status < 300 or (not status and exchange.attempts > 0)


def _is_cached(exchange: Exchange) -> bool:
    """Whether a cache has answered it, from what a service has made for another."""
    lookup = exchange.notes.get("cache") if exchange.notes is not None else None
    return lookup is not None and str(lookup) not in _UNCACHED


def _add_times(settled: dict[str, Any], exchange: Exchange, meter: UsageMeter, completion: int) -> None:
    """Of a stream in milliseconds: from the end of the request's head to the first token, and from one to the next."""
    settled["first_token_ms"] = round((meter.first - exchange.started) * 1000, 3)
    if completion > 1:
        last = meter.last or exchange.plane.clock()
        settled["per_token_ms"] = round((last - meter.first) * 1000 / (completion - 1), 3)


def _write_key(writer: Writer, notes: Mapping[str, Any]) -> None:
    """Whose key it was, and what labels it has."""
    if _KEY in notes:
        _write_name(writer, b',"key":', str(notes[_KEY]))
    if isinstance(notes.get(_LABELS), dict):
        writer.put(b',"labels":')
        writer.put(orjson.dumps(notes[_LABELS], default=str))


def _write_name(writer: Writer, key: bytes, name: str | None) -> None:
    writer.put(key)
    if name is None:
        writer.put(b"null")
    else:
        writer.put(orjson.dumps(name))

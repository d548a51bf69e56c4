"""Bodies on their way through the hooks of filters, in each direction of one exchange: a *passage*.

    client ──▶ a.read_request ──▶ b.transform_request ──▶ service
    client ◀── a.read_response ◀── b.transform_response ◀── service

There is one where some filter of the chain wants the payload of this very exchange; it ends with it.  What passes is data alone, whatever
frames it: each piece once, in the turn of the loop in which it came, whether it is sent then, held or tried again; or all of it at once to
a hook that is *gathered* for, which may wait, and before which nothing goes on.  A request is passed from ``dispatch`` on: what came
earlier waits as the client has sent it, which is what a mirror copies.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable
from functools import partial
from typing import TYPE_CHECKING, Any

from fastgw.core.exchange import arriving, hooks, mending
from fastgw.core.exchange.deadlines import BODY, HOOKS, STREAM
from fastgw.core.exchange.filter import BodyHook, GatheredHook
from fastgw.core.exchange.mending import RESTRAINTS
from fastgw.core.exchange.streaming import StreamingHook
from fastgw.core.net.connection import HOLD_PENDING
from fastgw.core.snapshot.chain import FreeOpening
from fastgw.errors import (
    RETRY_ALWAYS,
    RETRY_NEVER,
    DownstreamError,
    FilterUnavailableError,
    GatewayError,
    InternalError,
    UpstreamError,
)
from fastgw.wire.fields import is_token
from fastgw.wire.lines import has_any
from fastgw.wire.messages import BODY_CHUNKED, BODY_NONE

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange, Passing
    from fastgw.core.snapshot.chain import BodyOpening
    from fastgw.wire.messages import Request, Response


class _Stage:
    """One hook of a passage, and what of the body is with it."""

    __slots__ = ("gathered", "hook", "opening", "owed", "streaming")

    def __init__(self, opening: BodyOpening, hook: BodyHook | StreamingHook) -> None:
        self.opening = opening
        self.hook = hook
        self.streaming: StreamingHook | None = hook if isinstance(hook, StreamingHook) else None  #: of a kind C knows
        self.owed = 0  #: of one that streams: bytes it had, without those it has returned
        is_gathered = self.streaming is None and isinstance(hook, GatheredHook)
        self.gathered: bytearray | None = bytearray() if is_gathered else None  #: None: it streams


class Passage:
    """The body hooks of one direction of one exchange, in the order in which bytes meet them."""

    __slots__ = ("_exchange", "_first", "_gather", "_kept", "_size", "_stages", "held", "is_whole")

    def __init__(self, exchange: Exchange, opened: list[_Stage]) -> None:
        self._exchange = exchange
        self._stages = opened
        self._first = 0  #: the stage that is fed next: behind one that has waited, 0 otherwise
        self._gather = 0
        self._kept: list[bytes] = []  #: of an answer whose head waits
        self._size = 0  #: bytes of that
        self.held = 0  #: bytes that are here, which the worker counts
        self.is_whole = False
        for stage in opened:
            if stage.streaming is not None:
                continue
            self._gather = max(self._gather, stage.hook.gather)
            if stage.gathered is not None:
                self.is_whole = True

    def feed(self, data: bytes, is_last: bool) -> bytes | None:
        """Let the hooks have ``data``, none perhaps; what is to go on.

        None: nothing now, as one waits, or has failed and the exchange with it."""
        first, self._first = self._first, 0
        for place in range(first, len(self._stages)):
            stage = self._stages[place]
            if stage.gathered is None:
                out = self._stream(stage, data, is_last)
            else:
                out = self._gathered(place, stage.gathered, data, is_last)
            if out is None:
                return None
            data = out
        if is_last and (self.is_whole or len(self._stages) > 1):
            self._end_whole(len(data))
        return data

    def feed_answer(self, data: bytes, is_last: bool) -> bytes | None:
        """The same of an answer: what may be sent now, and its head in front of it if that has waited and there is something."""
        exchange = self._exchange
        out = self.feed(data, is_last)
        if out is None or (is_last and not self._add_trailers()):
            return None
        if exchange.is_head_sent:
            return out
        if out:
            self._kept.append(out)
            self._size += len(out)
            self._keep(len(out))
        if not is_last and (self.is_whole or (self._size <= self._gather and not self._is_full())):
            return b""
        out = b"".join(self._kept)
        self._keep(-self._size)
        self._kept, self._size = [], 0
        response = exchange.response
        if is_last and not response.trailers:
            response.gain_length(len(out))
        return out

    def break_off(self, error: GatewayError) -> bytes | None:
        """See ``Passing``: the first of the hooks that has something to say, as those behind it make it."""
        for place, stage in enumerate(self._stages):
            broken = getattr(stage.hook, "broken", None)  # which what is compiled need not have
            try:
                said = None if broken is None else broken(error)
            except Exception as problem:  # noqa: BLE001 - as above
                hooks.report_broken(self._exchange, stage.opening.hook, stage.opening.kind, problem)
                said = None
            if said is not None:
                return self._say(place + 1, said)
        return None

    def _say(self, place: int, said: bytes) -> bytes | None:
        """What the hooks from ``place`` on make of words that are no service's: those that count what it has said only hear of the end."""
        for stage in self._stages[place:]:
            if stage.gathered is not None:
                return None
            is_counting = getattr(stage.hook, "is_counting", False)
            out = self._stream(stage, b"" if is_counting else said, True)
            if out is None:
                return None
            said = out + said if is_counting else out
        return said

    def leave(self) -> None:
        """See ``Passing``."""
        self._keep(-self.held)

    def is_gathering(self) -> bool:
        """Whether the head of the answer waits for bytes of its body."""
        return self._gather > 0 or self.is_whole

    def refuses(self, announced: int) -> bool:
        """End the exchange if its request has told of more bytes than its first hook can have gathered; 0: it has told of none."""
        stage = self._stages[0]
        problem = self._problem(stage, announced) if stage.gathered is not None and announced else None
        if problem is not None:
            self._exchange.fail(problem)
        return problem is not None

    # --- hooks that stream

    def _stream(self, stage: _Stage, data: bytes, is_last: bool) -> bytes | None:
        """What the hook makes of ``data``; one that only reads, and owes nothing of that, may fail where its filter is open."""
        try:
            if data:
                streaming = stage.streaming
                out = _checked(stage.hook.feed(data)) if streaming is None else streaming.feed(data)
                stage.owed += len(data) - len(out)
                data = out
            if is_last:
                streaming = stage.streaming
                out = _checked(stage.hook.finish()) if streaming is None else streaming.finish()
                if out:
                    data += out
        except Exception as error:  # noqa: BLE001 - whatever a filter raises ends this exchange, not the worker
            if not stage.opening.changes and not stage.owed and _is_passed_over(self._exchange, stage.opening, error):
                stage.hook, stage.streaming = BodyHook(), None
                return data
            _failed(self._exchange, stage.opening, error, may_refuse=True)
            return None
        return data

    # --- hooks that get all of it

    def _gathered(self, place: int, gathered: bytearray, data: bytes, is_last: bool) -> bytes | None:
        """What the hook makes of all of the body, if ``data`` is the last of it; nothing goes on before."""
        stage = self._stages[place]
        problem = self._problem(stage, len(gathered) + len(data))
        if problem is not None:
            self._exchange.fail(problem)
            return None
        gathered += data
        self._keep(len(data))
        if not is_last:
            return b""
        body = bytes(gathered)
        gathered.clear()
        return self._whole(place, body)

    def _problem(self, stage: _Stage, size: int) -> GatewayError | None:
        """Why no body of ``size`` bytes can be gathered."""
        hook = stage.hook
        assert isinstance(hook, GatheredHook)
        if size > hook.max_bytes:
            told = hook.too_large()
            if told is not None:
                return told
            if stage.opening.is_of_request:
                detail = f"the request body has more than the {hook.max_bytes} bytes allowed here"
                return DownstreamError(413, "content_too_large", detail)
            detail = f"the service's answer has more than the {hook.max_bytes} bytes that a filter of this route takes"
            return UpstreamError(502, "answer_too_large", detail)
        if self._is_full():
            return InternalError(503, "no_resources", "the gateway has no room for more bodies", retry=RETRY_ALWAYS)
        return None

    def _whole(self, place: int, body: bytes) -> bytes | None:
        exchange = self._exchange
        opening, hook = self._stages[place].opening, self._stages[place].hook
        assert isinstance(hook, GatheredHook)
        trace = hooks.trace_of(exchange)
        watch = None if trace is None else trace.began(exchange.route.chain.name_of(opening.hook), opening.kind)
        try:
            out: Any = hook.whole(body)
            if watch is not None and not inspect.isawaitable(out):
                watch()
            if inspect.isawaitable(out):
                self._wait(place, body, out)
                return None
            _checked(out)
        except Exception as error:  # noqa: BLE001 - as above
            if not hooks.goes_on(exchange, opening.hook, opening.kind, error):
                return None
            out = body
        self._keep(-len(body))
        return bytes(out)

    def _wait(self, place: int, body: bytes, out: Awaitable[Any]) -> None:
        exchange = self._exchange
        opening = self._stages[place].opening
        if exchange.phase == BODY:
            arriving.stop(exchange)
        exchange.phase = HOOKS
        carrier, exchange.carrier = exchange.carrier, None
        if carrier is not None:  # the answer has come whole: another exchange may have the connection
            carrier.let_go(exchange.body.is_done)
        hooks.wait(exchange, out, opening.hook, opening.kind, partial(self._go_on, place, body))

    def _go_on(self, place: int, body: bytes, out: bytes | None) -> None:
        """The hook has decided, or nobody waits for it any more."""
        exchange = self._exchange
        if out is None:
            out = body
        self._keep(-len(body))
        self._first = place + 1
        if self._stages[place].opening.is_of_request:
            arriving.go_on(exchange, out)
        else:
            exchange.phase = STREAM
            exchange.on_last_body(out, len(out))

    def _end_whole(self, size: int) -> None:
        """All of the body goes on at once: a request can say how long it is.  One that was not the last to change it may have done so."""
        request = self._exchange.request
        if not self._stages[0].opening.is_of_request or self._exchange.body.trailers:
            return
        if request.chunked:
            if self.is_whole:
                request.gain_length(size)
        elif request.content_length != size and [one for one in self._stages if one.opening.changes]:
            request.gain_length(size)

    def _keep(self, size: int) -> None:
        """``size`` more bytes are here, or fewer."""
        self.held += size
        self._exchange.plane.body_bytes += size

    def _is_full(self) -> bool:
        return self._exchange.plane.body_bytes >= self._exchange.listener.body_memory

    # --- trailers

    def announce(self) -> bool:
        """Prepare the head of the answer for the trailer fields that hooks will set, if the client takes such (RFC 9110 section 6.6.2).

        False: one of their names is none, and the exchange has failed.
        """
        exchange = self._exchange
        announced: list[bytes] = []
        for stage in self._stages:
            names = stage.hook.trailer_names if stage.streaming is None else ()
            if names and None in [is_token(name) for name in names]:
                error = ValueError(f"one of {list(names)!r} is not the name of a header field")
                _failed(exchange, stage.opening, error, may_refuse=False)
                return False
            announced += names
        if announced and exchange.client.takes_trailers(exchange):
            exchange.response.extra += b"trailer: " + b", ".join(announced) + b"\r\n"
            exchange.response.lose_length()
        return True

    def _add_trailers(self) -> bool:
        """Put what the hooks have set behind the body; False: one may not be there, and the exchange has failed."""
        exchange = self._exchange
        if not exchange.client.takes_trailers(exchange):
            return True
        for stage in [one for one in self._stages if one.streaming is None]:
            try:
                for name, value in stage.hook.trailers:
                    mending.add_trailer(exchange.response, name, value)
            except ValueError as error:
                _failed(exchange, stage.opening, error, may_refuse=False)
                return False
        return True


def fed(outward: Passing, data: bytes, is_last: bool) -> bytes | None:
    """See ``Passing.feed_answer``: in C that of a ``Passage`` is called past Python."""
    known = outward if isinstance(outward, Passage) else None
    return outward.feed_answer(data, is_last) if known is None else known.feed_answer(data, is_last)


def begin_request(exchange: Exchange) -> bool:
    """Open the passage of the request's body, and pass what has come of it; False: the request does not go on now, as a hook waits, or has
    failed and the exchange with it."""
    body = exchange.body
    if not exchange.request.chunked and exchange.request.content_length <= 0:
        return True
    opened = _open(exchange, exchange.route.chain.request_body, 0)
    if not opened:
        return opened is not None
    passage = exchange.inward = Passage(exchange, opened)
    if passage.refuses(body.announced):
        return False
    exchange.plane.body_bytes -= body.held
    passed = passage.feed(body.take(), body.is_done)
    if passed:
        body.keep(passed)
        exchange.plane.body_bytes += len(passed)
    has_room = passed is not None and not arriving.is_full(exchange)
    if (has_room or exchange.waiting is not None) and exchange.client.is_held:
        exchange.client.release(HOLD_PENDING)  # who waits for a hook is to see that the client leaves
    return passed is not None


def begin_answer(exchange: Exchange) -> bool:
    """Open the passage of the answer's body; False: its head has to wait, or a hook has failed, and the exchange with it."""
    response = exchange.response
    openings, first = exchange.route.chain.response_body[exchange.entered], 0
    if response.body == BODY_NONE:
        openings = _of_empty(exchange, openings)
    elif openings and response.content_length >= 0:
        closest = openings[0]  # to the service
        first = int(closest.is_of_streams)
    if len(openings) == first:
        return True
    opened = _open(exchange, openings, first)
    if not opened:
        return opened is not None
    passage = exchange.outward = Passage(exchange, opened)
    if response.body == BODY_CHUNKED:
        response.lose_length()  # its chunks are taken off
    return passage.announce() and not passage.is_gathering()


def _may_change_request(request: Request) -> bool:
    """As ``mending`` has it; few requests have a field of which that depends."""
    edited = request.edited
    if has_any(request.head, RESTRAINTS) or (
        edited is not None and (RESTRAINTS[0] in edited or RESTRAINTS[1] in edited)
    ):
        return mending.may_change_request(request)
    return True


def _may_change_response(request: Request, response: Response) -> bool:
    """The same of an answer."""
    if response.status == 206 or request.method == b"HEAD" or not _may_change_request(request):
        return mending.may_change_response(request, response)
    if has_any(response.fields, RESTRAINTS) or (response.extra and has_any(response.extra, RESTRAINTS)):
        return mending.may_change_response(request, response)
    return True


def _of_empty(exchange: Exchange, openings: tuple[BodyOpening, ...]) -> tuple[BodyOpening, ...]:
    """Those of ``openings`` that want an answer without a body, where there could be one (RFC 9110 section 6.4.1)."""
    if exchange.request.method == b"HEAD" or exchange.response.status in (204, 304):
        return ()
    return tuple([one for one in openings if one.sees_empty])


def _open(exchange: Exchange, openings: tuple[BodyOpening, ...], first: int) -> list[_Stage] | None:
    """What ``openings`` from ``first`` on want of this body; None: one has failed."""
    opened: list[_Stage] = []
    may_change: bool | None = None  # which is asked where somebody would
    for place in range(first, len(openings)):
        opening = openings[place]
        if opening.changes and type(opening) is not FreeOpening:
            if may_change is None:
                request, response = exchange.request, exchange.response
                is_of_request = opening.is_of_request
                may_change = _may_change_request(request) if is_of_request else _may_change_response(request, response)
            if not may_change:
                continue
        try:
            hook = opening.hook(exchange)
        except Exception as error:  # noqa: BLE001 - as above
            if _is_passed_over(exchange, opening, error):
                continue
            _failed(exchange, opening, error, may_refuse=opening.is_of_request)
            return None
        if hook is None:
            continue
        if opening.changes and not opening.is_of_request:
            opened = [one for one in opened if not one.hook.is_of_bytes]
        opened.append(_Stage(opening, hook))
        if opening.changes:
            if opening.is_of_request:
                mending.mend_request(exchange.request)
            else:
                mending.mend_response(exchange.response, hook.vary)
    return opened


def _checked(out: Any) -> bytes:
    if type(out) is not bytes:
        raise TypeError(f"a body hook returned {type(out).__name__}, not bytes")
    return out


def _is_passed_over(exchange: Exchange, opening: BodyOpening, error: Exception) -> bool:
    """Whether a filter that failed while it has nothing of a body is left out, as its failure mode says."""
    is_meant = opening.is_of_request and isinstance(error, GatewayError)
    if is_meant and not isinstance(error, FilterUnavailableError):
        return False
    if not exchange.route.chain.mode_of(opening.hook).is_open:
        return False
    hooks.report_broken(exchange, opening.hook, opening.kind, error)
    return True


def _failed(exchange: Exchange, opening: BodyOpening, error: Exception, *, may_refuse: bool) -> None:
    """End ``exchange`` over ``error``: one that the hook means, or a bug of the filter."""
    if may_refuse and isinstance(error, GatewayError) and not isinstance(error, FilterUnavailableError):
        error.retry = RETRY_NEVER  # what has passed cannot be passed again
        exchange.fail(error)
    else:
        exchange.fail(hooks.failure(exchange, opening.hook, opening.kind, error))

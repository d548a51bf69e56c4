"""WebSockets whose frames are read, where a route asks for that: a tunnel that passes on whole frames, within bounds.

    client ── frames ──▶ judged, counted ──▶ service          PING of the gateway to a client that says nothing
           ◀── frames ── judged, counted ◀──                  CLOSE to both, where either breaks a rule or a bound, or time is over

A frame goes on as it came, mask and all, and none goes on half: so there is always a place for one of the gateway's own.  A message may be
compressed (permessage-deflate) where both have agreed on that, and stays so: its bounds are those of what is sent.  Whether its text is
UTF-8 is between the two ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange.ends import Client
from fastgw.core.exchange.tunnel import Tunnel
from fastgw.core.websocket_counters import CLOSES, CODES, ENDS, MESSAGES, OPEN, SIDES, place_of
from fastgw.wire.websocket_frames import (
    CLOSE,
    FAILED,
    GOING_AWAY,
    LOST,
    PING,
    POLICY,
    PONG,
    TOO_BIG,
    FrameError,
    WebSocketFrames,
    close_payload,
    frame_of,
    read_close,
)

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.net.connection import Connection
    from fastgw.core.websocket_settings import WebSocketSettings
    from fastgw.policy.gcra import Rate
    from fastgw.wire.websocket_frames import Frame

NOTE: Final = "websocket"  #: what is known of one, for logs: messages of each side, and the code of its CLOSE
DEFLATE: Final = b"permessage-deflate"
EXTENSIONS: Final = b"sec-websocket-extensions"
PROTOCOL: Final = b"sec-websocket-protocol"
CLOSE_SECONDS: Final = 5.0  #: for the closing handshake, where the gateway has begun it
PAYLOAD: Final = b"fastgw"  #: of a PING of the gateway, whose PONG is not the service's
FOREVER: Final = float("inf")

_CLIENT, _SERVICE = range(len(SIDES))
_BROKEN, _TOO_LARGE, _TOO_FAST, _IDLE, _DRAINED, _LOST = range(2, len(ENDS))


class FrameTunnel(Tunnel):
    """The two ends of one WebSocket."""

    __slots__ = (
        "_clock",
        "_end",
        "_fault",
        "_heard",
        "_is_closing",
        "_is_told",
        "_last_message",
        "_leave_at",
        "_noted",
        "_paces",
        "_pinged",
        "_readers",
        "_settings",
    )

    def __init__(self, exchange: Exchange, settings: WebSocketSettings) -> None:
        """``exchange``: its 101 is the one that was asked for."""
        Tunnel.__init__(self, exchange)
        self._noted: dict[str, Any] = dict.fromkeys(SIDES, 0)
        exchange.note(NOTE, self._noted)
        self._settings = settings
        is_deflated = DEFLATE in (exchange.response.header(EXTENSIONS) or b"")
        most = settings.max_frame, settings.max_message
        self._readers = tuple(
            WebSocketFrames(*most, is_masked=side == _CLIENT, allows_compressed=is_deflated)
            for side in range(len(SIDES))
        )
        self._is_told = [False, False]  # a CLOSE has gone to client, service
        self._is_closing = False  # that was the gateway's, to both: nothing goes on any more
        self._end = -1  # of ENDS
        self._fault: tuple[int, str, int] | None = None  # code, reason and one of ENDS: behind frames that go on yet
        self._paces = _paces_of(settings)  # that the client keeps to, of each the time of the next one
        now = exchange.plane.now
        self._heard = now  # coarse loop time at which the client has said anything
        self._last_message = now  # or either has said a message
        self._pinged = 0.0  # the client was asked whether it is there, and has said nothing since; 0: it was not
        self._leave_at = FOREVER  # the worker drains: when this one is closed
        self._clock = FrameClock(exchange, self)
        exchange.plane.values[exchange.route.base + OPEN] += 1
        self._plan()

    # --- frames

    def from_client(self, data: bytes) -> None:
        """See ``Tunnel``."""
        exchange = self._exchange
        if exchange is not None:
            self._heard, self._pinged = exchange.plane.now, 0.0
            out = self._passed(exchange, _CLIENT, data)
            if out:
                Tunnel.from_client(self, out)
            self._settle(_CLIENT)

    def from_service(self, data: bytes) -> None:
        """See ``Tunnel``."""
        exchange = self._exchange
        if exchange is not None:
            out = self._passed(exchange, _SERVICE, data)
            if out:
                Tunnel.from_service(self, out)
            self._settle(_SERVICE)

    def _passed(self, exchange: Exchange, side: int, data: bytes) -> bytes:
        """What of ``data`` goes on now, up to the first ``_fault``."""
        frames = self._readers[side].feed(data)
        if self._is_closing:
            return b""
        if side == _CLIENT and self._paces:
            frames = self._in_time(exchange, frames)
        out: list[bytes] = []
        for frame in frames:
            if frame.opcode < CLOSE:
                if frame.is_last:
                    self._last_message = exchange.plane.now
                    exchange.plane.values[exchange.route.base + MESSAGES + side] += 1
                    self._noted[SIDES[side]] += 1
            elif frame.opcode == CLOSE:
                if not self._on_close(side, frame):
                    break
            elif frame.opcode == PONG and side == _CLIENT and frame.payload == PAYLOAD:
                continue
            out.append(frame.raw)
        return b"".join(out)

    def _in_time(self, exchange: Exchange, frames: list[Frame]) -> list[Frame]:
        """Those of the client that do not come too fast, up to the first that does."""
        now = int(exchange.plane.clock() * 1e9)
        for place, frame in enumerate(frames):
            if frame.opcode == CLOSE:
                continue  # nothing comes behind it
            is_message = frame.opcode < CLOSE and frame.is_last
            for pace in self._paces:
                if (is_message or pace.is_of_all) and not pace.takes(now):
                    self._fault = POLICY, f"more {pace.what} than are allowed here", _TOO_FAST
                    return frames[:place]
        return frames

    def _on_close(self, side: int, frame: Frame) -> bool:
        """A CLOSE of ``side`` has come; whether it goes on."""
        try:
            code, _ = read_close(frame.payload)
        except FrameError as error:
            self._fault = error.code, error.reason, _BROKEN
            return False
        self._is_told[1 - side] = True
        self._note_end(side, code)
        return True

    def _settle(self, side: int) -> None:
        """Behind what ``side`` has sent: whether it has broken a rule, or the handshake is over that the gateway has begun."""
        reader = self._readers[side]
        if self._is_closing:
            if reader.is_over and side == _CLIENT:
                self.end()
        elif self._fault is not None:
            self._fail(side, *self._fault)
        elif reader.problem is not None:
            code, reason = reader.problem.code, reader.problem.reason
            self._fail(side, code, reason, _TOO_LARGE if code == TOO_BIG else _BROKEN)
        elif all(self._is_told) and self._exchange is not None:
            self._is_closing = True  # the two have done that; what is left is the end of their connections
            self._clock.deadline = self._exchange.plane.now + CLOSE_SECONDS

    # --- how it ends

    def _note_end(self, end: int, code: int) -> None:
        """It ends for this reason, if there was none before."""
        exchange = self._exchange
        if self._end < 0 and exchange is not None:
            self._end = end
            self._noted["close"] = code
            base = exchange.route.base
            exchange.plane.values[base + CLOSES + end] += 1
            exchange.plane.values[base + CODES + place_of(code)] += 1
            exchange.plane.values[base + OPEN] -= 1

    def _fail(self, side: int, code: int, reason: str, end: int) -> None:
        """``side`` has broken a rule: it is told which, the other that it is gone, or has failed."""
        other = (FAILED, "the service has broken the protocol") if side == _SERVICE else (GOING_AWAY, "")
        told = (code, reason), other
        self._close(*(told if side == _CLIENT else told[::-1]), end)
        exchange = self._exchange
        if side == _CLIENT and exchange is not None and exchange.client.can_write_eof():
            exchange.client.write_eof()  # whatever it still says is not read as frames

    def leave(self, end: int, reason: str) -> None:
        """Close both, for a reason that neither has given."""
        self._close((GOING_AWAY, reason), (GOING_AWAY, reason), end)

    def _close(self, client: tuple[int, str], service: tuple[int, str], end: int) -> None:
        """A CLOSE to each, unless it was told already, and some time for the client's."""
        self._is_closing = True
        self._note_end(end, client[0])
        self._tell(client, service)
        exchange = self._exchange
        if exchange is not None:
            self._clock.deadline = exchange.plane.now + CLOSE_SECONDS

    def _tell(self, client: tuple[int, str], service: tuple[int, str]) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        if not self._is_told[_CLIENT]:
            self._is_told[_CLIENT] = True
            exchange.client.write(frame_of(CLOSE, close_payload(*client)))
        if not self._is_told[_SERVICE] and exchange.carrier is not None:
            self._is_told[_SERVICE] = True
            mask = bytes([int(exchange.plane.random() * 256) for _ in range(4)])
            exchange.carrier.write(frame_of(CLOSE, close_payload(*service), mask))

    def end_half(self, source: Connection) -> bool:
        """See ``Tunnel``: one that ends without a CLOSE is gone."""
        exchange = self._exchange
        if exchange is not None and not self._is_closing:
            side = _CLIENT if source is exchange.client else _SERVICE
            if self._is_told[1 - side]:
                return Tunnel.end_half(self, source)
            source.is_ended = True
        self.end()
        return False

    def end(self) -> None:
        """See ``Tunnel``: who has not been told is told now."""
        exchange = self._exchange
        if exchange is None:
            return
        carrier = exchange.carrier
        self._note_end(_LOST, LOST)
        is_lost = carrier is None or carrier.is_closed or carrier.is_ended
        client = (FAILED, "the service is gone") if is_lost else (GOING_AWAY, "")
        self._tell(client, (GOING_AWAY, ""))
        self._clock.forget()
        Tunnel.end(self)

    # --- time

    def on_time(self, now: float) -> None:
        """What is due by ``now``, in coarse loop time."""
        exchange, settings = self._exchange, self._settings
        if exchange is None:
            return
        if self._is_closing:
            self.end()
        elif now >= self._leave_at:
            self.leave(_DRAINED, "the gateway stops")
        elif settings.idle_timeout and now >= self._last_message + settings.idle_timeout:
            self.leave(_IDLE, "no message for too long")
        elif self._pinged and now >= self._pinged + settings.ping_timeout:
            self.leave(_LOST, "no answer to a ping")
            self.end()
        else:
            due = settings.ping_interval and not self._pinged and now >= self._heard + settings.ping_interval
            if due and not self._is_told[_CLIENT] and not exchange.client.is_paused:
                exchange.client.write(frame_of(PING, PAYLOAD))
                self._pinged = now
            self._plan()

    def _plan(self) -> None:
        """Be called when something may be due."""
        settings, exchange = self._settings, self._exchange
        due = self._leave_at
        if settings.idle_timeout:
            due = min(due, self._last_message + settings.idle_timeout)
        if settings.ping_interval and exchange is not None:
            next_ping = max(self._heard, exchange.plane.now if exchange.client.is_paused else 0.0)
            due = min(due, self._pinged + settings.ping_timeout if self._pinged else next_ping + settings.ping_interval)
        self._clock.deadline = due

    def on_drain(self) -> None:
        """The worker drains: this one is closed at some moment within its grace, as all clients come back at once otherwise."""
        exchange = self._exchange
        if exchange is not None and not self._is_closing:
            self._leave_at = exchange.plane.now + self._settings.drain_grace * exchange.plane.random()
            self._plan()

    def cut(self) -> None:
        """There is no more time to drain."""
        if not self._is_closing:
            self.leave(_DRAINED, "the gateway stops")


class FrameClock(Client):
    """What the sweep of the plane sees of a tunnel: its time, and that the worker drains.  It is no client of anything."""

    def __init__(self, exchange: Exchange, tunnel: FrameTunnel) -> None:
        Client.__init__(self, exchange.listener, exchange.client.address)
        self._tunnel = tunnel
        self._others: set[Client] = unconnected(exchange.plane)
        self._others.add(self)

    def on_deadline(self, now: float) -> None:
        """See ``Client``."""
        self._tunnel.on_time(now)

    def on_drain(self) -> None:
        """See ``Client``."""
        self._tunnel.on_drain()

    def abort(self) -> None:
        """See ``Connection``: the client's own connection is aborted behind it."""
        self._tunnel.cut()

    def forget(self) -> None:
        """The tunnel is over."""
        self._others.discard(self)


def unconnected(plane: Any) -> set[Client]:
    """The ends that the sweep of ``plane`` looks after beside its connections."""
    found: set[Client] = plane.unconnected
    return found


class FrameTunnels:
    """The kind of tunnel of the routes that say the same of WebSockets."""

    __slots__ = ("_settings",)

    def __init__(self, settings: WebSocketSettings) -> None:
        self._settings = settings

    def tunnel(self, exchange: Exchange) -> Tunnel:
        """See ``TunnelKind``."""
        return FrameTunnel(exchange, self._settings)

    def problem(self, exchange: Exchange) -> str:
        """See ``TunnelKind``: of what both have agreed on."""
        request, response = exchange.request, exchange.response
        extensions = [one.strip() for one in (response.header(EXTENSIONS) or b"").split(b",") if one.strip()]
        offered = request.header(EXTENSIONS)
        if any(_name_of(one) != DEFLATE for one in extensions) or (extensions and not offered) or len(extensions) > 1:
            return "the service has chosen an extension that it was not offered"
        chosen = response.header(PROTOCOL)
        if chosen is not None and chosen not in [one.strip() for one in (request.header(PROTOCOL) or b"").split(b",")]:
            return "the service has chosen a subprotocol that it was not offered"
        return ""


def _name_of(extension: bytes) -> bytes:
    return extension.partition(b";")[0].strip().lower()


def offers_of(extensions: bytes) -> bytes:
    """What of an offer of extensions the gateway can pass on."""
    return b", ".join([one.strip() for one in extensions.split(b",") if _name_of(one) == DEFLATE])


class FramePace:
    """How fast the messages of a client may come, or all of its frames: those of control, and each fragment, are work too."""

    __slots__ = ("_rate", "_time", "is_of_all", "what")

    def __init__(self, rate: Rate, *, is_of_all: bool) -> None:
        self._rate = rate
        self._time = 0  # see ``policy.gcra``
        self.is_of_all = is_of_all
        self.what = "frames" if is_of_all else "messages"

    def takes(self, now: int) -> bool:
        """Whether one more may come at ``now``, in nanoseconds."""
        charged = self._rate.charged(self._time, now)
        if charged:
            self._time = charged
        return charged != 0


def _paces_of(settings: WebSocketSettings) -> tuple[FramePace, ...]:
    """Those of one client."""
    if not settings.frame_rate and not settings.message_rate:
        return ()
    from fastgw.policy.gcra import Rate  # which nobody needs without one

    found = []
    for pace, burst in ((settings.message_rate, settings.message_burst), (settings.frame_rate, settings.frame_burst)):
        if pace:
            count, seconds = pace
            rate = Rate(count, seconds * 10**9, burst or count)
            found.append(FramePace(rate, is_of_all=pace is settings.frame_rate))
    return tuple(found)

"""What a route says of WebSockets whose frames are read (``core.exchange.frames``), and a service that speaks nothing else."""

from __future__ import annotations

from typing import NamedTuple


class WebSocketSettings(NamedTuple):
    """What is done with the frames of WebSockets on a route; bytes, and seconds, of which 0 switches one off."""

    max_frame: int
    max_message: int
    message_rate: tuple[int, ...]  #: so many messages of a client, in so many seconds; (): any
    message_burst: int  #: at once; 0: as many
    frame_rate: tuple[int, ...]  #: the same of frames of any kind, fragments and those of control included
    frame_burst: int
    idle_timeout: float  #: without a message of either side
    ping_interval: float  #: without anything of the client
    ping_timeout: float  #: and behind the PING that it is sent then
    drain_grace: float  #: within which each is closed by a worker that drains
    subprotocols: tuple[str, ...]  #: of which one must be offered; (): any, or none
    compression: str  #: "refuse" or "pass"


class WebSocketCalls(NamedTuple):
    """How requests of HTTP are put to a service that speaks WebSocket; bytes, and seconds."""

    send: str  #: what messages the body becomes: "auto", "text", "binary", "lines" or "pieces"
    max_piece: int  #: of "pieces"
    end_message: str  #: sent as text behind it; "": nothing is
    subprotocol: str  #: that is offered; "": none
    answer: str  #: what becomes of messages: "auto", "single", "array", "ndjson" or "sse"
    messages: (
        int | None
    )  #: behind so many it is over; 0: that does not end it; None: as ``core.websocket.answers`` has it
    until: tuple[tuple[str, object], ...]  #: or behind one that has these fields; values, or lists of them
    idle_timeout: float  #: or when none has come for so long behind another; 0: that does not end it
    max_message: int
    max_messages: int
    max_answer: int  #: of all messages together

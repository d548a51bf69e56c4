"""What a route says of WebSockets whose frames are read (``core.exchange.frames``)."""

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

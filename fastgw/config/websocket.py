"""What the file says of WebSockets whose frames the gateway reads.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Annotated, Final

from fastgw.config.model import Model, setting
from fastgw.config.rates import Amount, Pace, PacePerTime
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Duration, Parsed, PositiveDuration, Size, words
from fastgw.config.unsound import is_unsound
from fastgw.config.values import scalar, shown
from fastgw.core.websocket_settings import WebSocketSettings
from fastgw.wire.fields import is_token

FRAMES_A_MESSAGE: Final = 10  #: for which there is room where only messages have a rate
_WANTED: Final = "the name of a subprotocol such as chat"


def _subprotocol(value: object) -> str:
    found = scalar(value, _WANTED)
    if not found.isascii() or not is_token(found.encode()):
        raise ValueError(f"expected {_WANTED}, got {shown(value)}")
    return found


def _is_slower(one: Pace, other: Pace) -> bool:
    return one.number * other.seconds < other.number * one.seconds


Subprotocol = Annotated[str, Parsed(_subprotocol, type="string", examples=["chat"])]


class FramedWebSocket(Model):
    """WebSockets by frames, within bounds."""

    max_frame: Size = setting("1MiB", "Bytes of one frame, which is held until all of it is here (close code 1009).")
    max_message: Size = setting("4MiB", "Bytes of one message, as it is sent (1009).")
    message_rate: PacePerTime | None = setting(
        None, "How many messages a client may send in a second, minute, hour or day (1008). Default: any."
    )
    message_burst: Amount | None = setting(None, "How many at once; by default as many as message_rate says.")
    frame_rate: PacePerTime | None = setting(
        None, "The same of frames: each fragment counts, PING and PONG too (1008). Default: ten times message_rate."
    )
    frame_burst: Amount | None = setting(
        None, "How many frames at once; by default as many as frame_rate says, or ten times message_burst."
    )
    idle_timeout: Duration = setting("0", "Without a message of either side, whatever else they say (1001). 0: off.")
    ping_interval: Duration = setting("30s", "A client that says nothing for so long is sent a PING. 0: never.")
    ping_timeout: PositiveDuration = setting("20s", "It is gone if it says nothing for so long behind that.")
    drain_grace: Duration = setting(
        "10s", "A worker that drains closes each (1001) at a moment of its own within this time."
    )
    subprotocols: list[Subprotocol] = setting([], "One of these must be offered; others are not passed on.")
    compression: Annotated[str, words("refuse", "pass")] = setting(
        "refuse",
        "refuse: no extension is offered to the service; pass: permessage-deflate is, and stays between the two.",
    )

    def settings(self) -> WebSocketSettings:
        """For the data plane."""
        pace, frames, frame_burst = self.message_rate, self.frame_rate, self.frame_burst
        if pace is not None and frames is None:
            frames = pace._replace(number=FRAMES_A_MESSAGE * pace.number)
            frame_burst = frame_burst or FRAMES_A_MESSAGE * (self.message_burst or 0)
        return WebSocketSettings(
            max_frame=self.max_frame,
            max_message=self.max_message,
            message_rate=(pace.number, pace.seconds) if pace is not None else (),
            message_burst=self.message_burst or 0,
            frame_rate=(frames.number, frames.seconds) if frames is not None else (),
            frame_burst=frame_burst or 0,
            idle_timeout=self.idle_timeout,
            ping_interval=self.ping_interval,
            ping_timeout=self.ping_timeout,
            drain_grace=self.drain_grace,
            subprotocols=tuple(dict.fromkeys(self.subprotocols)),
            compression=self.compression,
        )

    def check(self, document: Document, where: TreePath) -> None:
        """Report what is wrong between its keys."""
        if is_unsound(self.max_frame, self.max_message, self.message_rate, self.message_burst, self.frame_rate):
            return
        if self.max_frame > self.max_message:
            document.report((*where, "max_frame"), "is more than max_message, so no frame can have it")
        if self.message_burst is not None and self.message_rate is None:
            document.report((*where, "message_burst"), "has no effect without message_rate", at_key=True)
        if self.frame_burst is not None and self.frame_rate is None and self.message_rate is None:
            document.report((*where, "frame_burst"), "has no effect without frame_rate or message_rate", at_key=True)
        for key, pace in (("message_rate", self.message_rate), ("frame_rate", self.frame_rate)):
            if pace is not None and pace.is_of_bytes:
                document.report((*where, key), f"counts {key[:-5]}s, and has no unit of bytes")
        if (
            self.message_rate is not None
            and self.frame_rate is not None
            and _is_slower(self.frame_rate, self.message_rate)
        ):
            document.report((*where, "frame_rate"), "is less than message_rate, and every message has a frame")

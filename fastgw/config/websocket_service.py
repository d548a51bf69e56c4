"""What the file says of services that speak WebSocket and nothing else.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Annotated, Any, Final

from fastgw.config.json_places import FieldKey
from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Duration, Parsed, Size, count, size, words
from fastgw.config.unsound import UNSOUND, is_unsound
from fastgw.config.values import Expanded, Plain, shown, text
from fastgw.config.websocket import Subprotocol
from fastgw.core.websocket_settings import WebSocketCalls

_WANTED: Final = "a value such as done, 3 or true, or a list of such"
_SCALAR: Final = ["string", "number", "boolean", "null"]


def _value(value: object) -> object:
    """A value of a field as JSON has it, or a tuple of such."""
    if isinstance(value, list):
        found = tuple(map(_value, value))
        if not found or any(isinstance(one, tuple) for one in found):
            raise ValueError(f"expected {_WANTED}, got {shown(value)}")
        return UNSOUND if any(one is UNSOUND for one in found) else found
    if isinstance(value, Expanded) and value.variables:
        raise ValueError(f"no variable of a request stands here, got {shown(value)}")
    if value is not None and not isinstance(value, str):
        raise ValueError(f"expected {_WANTED}, got {shown(value)}")
    return Plain.of(value) if isinstance(value, Plain) else value if value is None else str(value)


class WebSocketService(Model):
    """How requests are put to a service that speaks WebSocket: the body as messages, and its messages as the answer."""

    send: Annotated[str, words("auto", "text", "binary", "lines", "pieces")] = setting(
        "auto",
        "The body as one message of text or bytes, each of its lines as one, or each piece that comes. auto: by content-type.",
    )
    max_piece: Annotated[int, size(1)] = setting("8KiB", "Bytes of a message of pieces.")
    end_message: Annotated[str, Parsed(text("a message", longest=4096), type="string")] = setting(
        "", "A message of text behind the body, where the service waits for one. Default: none."
    )
    subprotocol: Subprotocol | None = setting(None, "That is offered to it. Default: none.")
    answer: Annotated[str, words("auto", "single", "array", "ndjson", "sse")] = setting(
        "auto",
        "The last message as it is, all as an array of JSON, or each as it comes: a line, or an event. auto: what accept asks for.",
    )
    messages: Annotated[int, count(0, 1_000_000)] | None = setting(
        None,
        "The answer is over behind so many; 0: any number. Default: 1 if it is one message and nothing else ends it.",
    )
    until: dict[FieldKey, Annotated[Any, Parsed(_value, type=[*_SCALAR, "array"])]] = setting(
        {}, "Or behind a message of JSON with these values of its fields; of a list any."
    )
    idle_timeout: Duration = setting("0", "Or when none comes for so long behind another. 0: that does not end it.")
    max_message: Size = setting("1MiB", "Bytes of one message of either side (413, 502).")
    max_messages: Annotated[int, count(1, 1_000_000)] = setting("10000", "Messages of an answer (502).")
    max_answer: Size = setting("16MiB", "Bytes of all of them together (502).")

    def settings(self) -> WebSocketCalls:
        """For the data plane."""
        return WebSocketCalls(
            send=self.send,
            max_piece=self.max_piece,
            end_message=self.end_message,
            subprotocol=self.subprotocol or "",
            answer=self.answer,
            messages=self.messages,
            until=tuple(self.until.items()),
            idle_timeout=self.idle_timeout,
            max_message=self.max_message,
            max_messages=self.max_messages,
            max_answer=self.max_answer,
        )

    def check(self, document: Document, where: TreePath, protocol: str, *, is_inside: bool) -> None:
        """Report what does not fit together; ``protocol``: of the service; ``is_inside``: it has no endpoints."""
        if is_inside:
            document.report(where, "is of endpoints; a service in Python is called", at_key=True)
        elif not is_unsound(protocol) and protocol != "http/1.1":
            document.report(where, f"begins with a handshake of HTTP/1.1, and the service has protocol: {protocol}")
        if is_unsound(self.messages, self.max_messages, self.max_message, self.max_answer, self.max_piece):
            return
        if self.send == "pieces" and self.max_piece > self.max_message:
            document.report((*where, "max_piece"), "is more than max_message, so no message can have it")
        if (self.messages or 0) > self.max_messages:
            document.report((*where, "messages"), f"is more than max_messages ({self.max_messages})")
        if self.max_message > self.max_answer:
            document.report((*where, "max_message"), "is more than max_answer, so no message can have it")

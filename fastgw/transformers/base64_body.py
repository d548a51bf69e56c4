"""What the decoders of base64 in JSON have in common: the service gets a thing, from clients that have JSON with it as base64 in a field.

It is decoded as it comes, piece by piece: a worker neither holds the body nor stops for it.  What the thing is, is told by its first bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from fastgw.core.exchange.filter import BodyHook
from fastgw.errors import GatewayError
from fastgw.transformers.base64_text import Base64Text
from fastgw.transformers.json_field import JsonField
from fastgw.transformers.media import OCTETS, refuse_other_than_json

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


class Format(NamedTuple):
    """What a thing is, by its first bytes."""

    name: str
    media_type: bytes


class Base64Decoder:
    """The transformer; a subclass has what it ``decodes``."""

    __slots__ = ("field", "formats", "max_bytes", "max_json", "name")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``field``, keys with dots between; ``formats``; ``max_bytes`` of the thing, ``max_json`` of what is around it."""
        self.name = name
        self.field: tuple[str, ...] = tuple(options["field"].split("."))
        self.formats: tuple[str, ...] = options["formats"]
        self.max_bytes: int = options["max_bytes"]
        self.max_json: int = options["max_json"]

    def request(self, exchange: Exchange) -> None:
        """Refuse at once what cannot become the thing, so that none goes round the bounds by saying that it must not be changed."""
        refuse_other_than_json(exchange.request)

    def transform_request(self, exchange: Exchange) -> BodyHook:
        """Decode its body."""
        exchange.request.set_header(b"content-type", OCTETS)
        return self.decoding(exchange)

    def decoding(self, exchange: Exchange) -> Decoding:
        """What decodes one body."""
        raise NotImplementedError


class Decoding(BodyHook):
    """One body; a subclass knows the formats, and has the words for what is wrong."""

    sniffed: ClassVar[int]  #: bytes by which each format is known
    noted: ClassVar[str]  #: the note with the name of the format

    def __init__(self, owner: Base64Decoder, exchange: Exchange) -> None:
        self._owner = owner
        self._exchange = exchange
        self._json = JsonField(owner.field, owner.max_json)
        self._text = Base64Text()
        self._is_text_over = False
        self._start: bytes | None = b""  #: of the thing, until its format is known; None: it is
        self._count = 0  #: bytes of it

    def feed(self, data: bytes) -> bytes:
        text = self._json.feed(data)
        out = self._text.feed(text) if text else b""
        if self._json.is_complete and not self._is_text_over:
            self._is_text_over = True
            out += self._text.finish()
        return self._check(out, is_last=self._is_text_over)

    def finish(self) -> bytes:
        self._json.finish()
        self.end(is_known=self._start is None)
        return b""

    def _check(self, out: bytes, *, is_last: bool) -> bytes:
        """What of the thing may go on."""
        if not out and not (is_last and self._start):
            return b""
        self._count += len(out)
        if self._count > self._owner.max_bytes:
            raise self.too_large(f"has more than the {self._owner.max_bytes} bytes allowed here")
        if self._start is not None:
            out = self._start = self._start + out
            if len(out) < self.sniffed and not is_last:
                return b""
            self._start = None
            self._know(out)
        self.look(out)
        return out

    def _know(self, start: bytes) -> None:
        kind = self.sniff(start)
        taken = self._owner.formats
        if kind is None or kind.name not in taken:
            said = f"is {kind.name}" if kind is not None else "is of no format that is known"
            raise self.refused(f"{said}; taken are {', '.join(taken)}")
        self._exchange.request.set_header(b"content-type", kind.media_type)
        self._exchange.note(self.noted, kind.name)

    # --- what the thing is

    def sniff(self, start: bytes) -> Format | None:
        """What begins with ``start``; None: nothing that is known."""
        raise NotImplementedError

    def look(self, data: bytes) -> None:
        """More of it, from its first byte on; raise what is wrong with it."""

    def end(self, *, is_known: bool) -> None:
        """All of it was there, nothing perhaps; raise what is wrong with it."""
        raise NotImplementedError

    def too_large(self, what: str) -> GatewayError:
        """413."""
        raise NotImplementedError

    def refused(self, what: str) -> GatewayError:
        """415."""
        raise NotImplementedError

"""What a request asks of a model, as far as it is known here: kept as a note of its exchange, for filters and for who counts tokens.

exchange.notes["asked_model"]   an ``AskedModel``
exchange.notes["model"]         the name of the model that the client asked for, for logs: ``${note.model}``
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from fastgw.wire.inference import KEYS, OLLAMA
from fastgw.wire.json_value import FALSE, NULL, NUMBER, STRING, TRUE

if TYPE_CHECKING:
    from fastgw.wire.inference import Operation
    from fastgw.wire.json_skim import Skim
    from fastgw.wire.json_value import JsonValue

NOTE: Final = "asked_model"
NOTE_MODEL: Final = "model"
ODD: Final = -2  #: see ``AskedModel.digits``
_BACKSLASH: Final = 0x5C
_STREAMED: Final = ("chat", "text_completion")  #: operations that Ollama streams where nothing is said
_PLACES: Final = {key: place for place, key in enumerate(KEYS)}
_STREAM: Final = _PLACES[b"stream"]


class AskedModel:
    """What one request asks for.  Of a form (``multipart/form-data``) only the model is known."""

    __slots__ = ("_skim", "entry", "model", "operation", "sent_as")

    def __init__(self, operation: Operation, model: str, entry: str, sent_as: str, skim: Skim | None = None) -> None:
        """
        Args:
            operation: what is asked of the model.
            model: its name, as the client has it; empty: it named none.
            entry: the name or pattern of the entry of the configuration that this led to.
            sent_as: the name that the service is told; empty: none.
            skim: for ``wire.inference.KEYS``, which has seen the body as the client sent it; None: that was a form.
        """
        self.operation = operation
        self.model = model
        self.entry = entry
        self.sent_as = sent_as
        self._skim = skim

    def value(self, key: bytes) -> JsonValue | None:
        """The value of ``key``, one of ``KEYS``, and where it stood in the body that the client sent; None: that does not have it, or is a
        form."""
        return self._skim.value(_PLACES[key]) if self._skim is not None else None

    def has(self, key: bytes) -> bool:
        """Whether there is any."""
        return self._skim is not None and self._skim.kind(_PLACES[key]) != 0

    def flag(self, key: bytes) -> bool | None:
        """The same of one that is true or false; None: it is neither."""
        kind = self._skim.kind(_PLACES[key]) if self._skim is not None else 0
        return kind == TRUE if kind in (TRUE, FALSE) else None

    def says_stream(self) -> bool:
        """Whether it says itself that the answer is to come as it is made."""
        return self._skim is not None and self._skim.kind(_STREAM) == TRUE

    @property
    def is_stream(self) -> bool:
        """Whether the answer is to come as it is made: Ollama does so unless it is told not to."""
        said = self.flag(b"stream")
        return said if said is not None else self.operation.dialect == OLLAMA and self.operation.name in _STREAMED

    def number(self, key: bytes) -> int | None:
        """The same of a whole number of up to 18 digits, not below 0; None: it is none."""
        found = self._skim.number(_PLACES[key]) if self._skim is not None else -1
        return found if found >= 0 else None

    def digits(self, place: int) -> int:
        """The same of what is written in digits alone, up to 18, by the place of its key among ``KEYS``; -1: it says nothing, or null;
        ``ODD``: it is something else."""
        if self._skim is None:
            return -1
        kind = self._skim.kind(place)
        if kind in (0, NULL):
            return -1
        found = self._skim.number(place) if kind == NUMBER else -1
        return found if found >= 0 else ODD

    def text(self, key: bytes) -> str | None:
        """The same of a string; None: it is none, or one that is too long to be kept."""
        if self._skim is None or self._skim.kind(_PLACES[key]) != STRING:
            return None
        raw = self._skim.raw(_PLACES[key])
        return text_of(raw) if raw is not None else None


def text_of(raw: bytes) -> str:
    """The text of a string of JSON, which a skim has passed."""
    if _BACKSLASH in raw:
        found: str = orjson.loads(raw)
        return found
    return raw[1:-1].decode("utf-8")

"""Events of a stream as they are written, and what makes those of one dialect of those of another."""

from __future__ import annotations

from typing import Any, Protocol

import orjson

from fastgw.dialects import told
from fastgw.dialects.fields import BrokenAnswerError
from fastgw.wire.sse import events

DONE = b"[DONE]"  #: what the last event of OpenAI's streams says


class EventTranslator(Protocol):
    """One stream on its way to a client of another dialect.  What it returns are whole events, or lines."""

    @property
    def is_over(self) -> bool:
        """Has it had its end, a good one?  What comes behind that is nothing."""

    def feed(self, data: bytes) -> bytes:
        """What the client gets of one event of the service that says ``data``.

        Raises:
            BrokenAnswerError: it is none of the dialect of the service.
            ToldError: the service says that it has failed.
        """

    def quiet(self) -> bytes:
        """The service has only said that it is still there: what the client gets of that."""

    def finish(self) -> bytes:
        """There is no more: what the client gets as the last of it.

        Raises:
            BrokenAnswerError: the end is missing.
        """


class ToldError(Exception):
    """A service says in its stream that it has failed."""

    def __init__(self, failed: told.FailureTold) -> None:
        super().__init__(failed.message)
        self.told = failed


def chunk_of(data: bytes) -> dict[str, Any]:
    """The chunk of a chat completion of OpenAI's that an event says, which has a list of ``choices``.

    Raises:
        BrokenAnswerError: it is none.
        ToldError: it says that the service has failed.
    """
    try:
        chunk = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise BrokenAnswerError("an event is no JSON") from None
    failed = told.read(chunk)
    if failed is not None:
        raise ToldError(failed)
    if not isinstance(chunk, dict) or not isinstance(chunk.get("choices"), list):
        raise BrokenAnswerError("an event is no chunk of a chat completion")
    return chunk


class ChainedEvents:
    """Events of one dialect that become those of a third by way of OpenAI's: see ``EventTranslator``."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: EventTranslator, second: EventTranslator) -> None:
        """``first`` makes events of OpenAI's of those of the service, ``second`` those of the client of them."""
        self._first = first
        self._second = second

    @property
    def is_over(self) -> bool:
        """See ``EventTranslator``."""
        return self._second.is_over

    def feed(self, data: bytes) -> bytes:
        """See ``EventTranslator``."""
        return b"".join([self._second.feed(one.data) for one in events(self._first.feed(data))])

    def quiet(self) -> bytes:
        """See ``EventTranslator``."""
        return self._second.quiet()

    def finish(self) -> bytes:
        """See ``EventTranslator``."""
        between = self._first.finish()
        return b"".join([self._second.feed(one.data) for one in events(between)]) + self._second.finish()


def named(kind: str, document: dict[str, Any]) -> bytes:
    """An event of Anthropic."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(document))


def unnamed(document: Any) -> bytes:
    """An event of OpenAI."""
    return b"data: %b\n\n" % orjson.dumps(document)


def line(document: Any) -> bytes:
    """A line of Ollama."""
    return orjson.dumps(document) + b"\n"

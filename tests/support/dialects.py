"""What clients and services of OpenAI and Anthropic say to each other, for tests of what is translated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from hypothesis import strategies as st

from fastgw.core.settings import DialectSettings
from fastgw.dialects.events import EventTranslator
from fastgw.testing.mock import MockTransport
from fastgw.transformers.dialects import Dialects
from fastgw.wire.inference import ANTHROPIC, OPENAI
from fastgw.wire.sse import events
from tests.support.models import ModelEdge, post

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def jumbled(draw: st.DrawFn, document: Any) -> Any:
    """``document`` with another value in a few places, whatever that is."""
    found = orjson.loads(orjson.dumps(document))
    for _ in range(draw(st.integers(1, 3))):
        at = found
        while True:
            keys = list(at) if isinstance(at, dict) else range(len(at))
            key = draw(st.sampled_from(keys)) if keys else None
            if key is None:
                break
            if not isinstance(at[key], dict | list) or not at[key] or draw(st.integers(0, 3)) == 0:
                at[key] = draw(JSON)
                break
            at = at[key]
    return found


def fed(stream: EventTranslator, said: Iterable[Any], *, is_whole: bool = True) -> bytes:
    """What the client gets of a stream whose events say this, as JSON or as they are."""
    out = [stream.feed(one if isinstance(one, bytes) else orjson.dumps(one)) for one in said]
    return b"".join([*out, *([stream.finish()] if is_whole else [])])


def told(data: bytes) -> list[Any]:
    """What the events in ``data`` say."""
    return [orjson.loads(one.data) if one.data[:1] == b"{" else one.data.decode() for one in events(data)]


def kinds(data: bytes) -> list[str]:
    """The types of the events in ``data``, each of which says the same inside."""
    found = [one.kind.decode() for one in events(data)]
    assert [one["type"] for one in told(data)] == found
    return found


def openai_chunk(delta: dict[str, Any] | None = None, reason: str | None = None, **more: Any) -> dict[str, Any]:
    """One event of OpenAI."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**head, "choices": choices, "usage": None, **more}


def openai_text(*words: str, reason: str = "stop") -> list[Any]:
    """A whole stream of OpenAI."""
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}}
    texts = [openai_chunk({"content": word}) for word in words]
    start, end = openai_chunk({"role": "assistant", "content": ""}), openai_chunk({}, reason)
    return [start, *texts, end, openai_chunk(usage=usage), b"[DONE]"]


def anthropic_message(content: Sequence[Any] = (), **more: Any) -> dict[str, Any]:
    """A message of Anthropic."""
    usage = {"input_tokens": 4, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0, "output_tokens": 1}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": list(content)}
    return {**head, "stop_reason": None, "stop_sequence": None, "usage": usage, **more}


def anthropic_block(index: int, block: dict[str, Any], *deltas: dict[str, Any]) -> list[Any]:
    """The events of one block."""
    start = {"type": "content_block_start", "index": index, "content_block": block}
    parts = [{"type": "content_block_delta", "index": index, "delta": one} for one in deltas]
    return [start, *parts, {"type": "content_block_stop", "index": index}]


def anthropic_text(*words: str, reason: str = "end_turn") -> list[Any]:
    """A whole stream of Anthropic."""
    deltas = [{"type": "text_delta", "text": word} for word in words]
    delta = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 4}}
    start = {"type": "message_start", "message": anthropic_message()}
    return [start, *anthropic_block(0, {"type": "text", "text": ""}, *deltas), delta, {"type": "message_stop"}]


def on_the_wire(said: Iterable[Any]) -> bytes:
    """A stream as a service sends it."""
    out = []
    for one in said:
        kind = one.get("type") if isinstance(one, dict) else None
        name = f"event: {kind}\n".encode() if kind else b""
        out.append(name + b"data: " + (one if isinstance(one, bytes) else orjson.dumps(one)) + b"\n\n")
    return b"".join(out)


class DialectEdge(ModelEdge):
    """Models ``gpt`` at the service ``a``, which speaks OpenAI's dialect, ``claude`` at ``b``, Anthropic's, and ``any`` at ``rest``, of
    which nothing is said."""

    def __init__(
        self, *, filters: Sequence[Any] = (), behind: Sequence[Any] = (), submit: Any = None, **options: Any
    ) -> None:
        """``behind``: filters closer to the services."""
        spoken = {"a": DialectSettings(OPENAI, 100, "max_tokens"), "b": DialectSettings(ANTHROPIC, 100, "max_tokens")}
        dialects = Dialects(spoken, lambda: 7.0, submit)
        models: dict[str, str | Sequence[tuple[str, int, str]]] = {
            "gpt": "a",
            "claude": [("b", 1, "claude-9")],
            "any": "rest",
        }
        super().__init__(models, filters=[*filters, dialects, *behind], **options)
        dialects.start(self.loop)

    def ask(self, document: Any, path: str, *fields: str) -> tuple[MockTransport, MockTransport, bytes]:
        """A client asks for this: it, the service, and what that has got."""
        body = document if isinstance(document, bytes) else orjson.dumps(document)
        client = self.client(post(body, path, "application/json", *fields))
        service = self.connect()
        return client, service, service.take()


def message_of(model: str, **more: Any) -> dict[str, Any]:
    """What a client of Anthropic asks for."""
    return {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "x"}], **more}


def chat_of(model: str, **more: Any) -> dict[str, Any]:
    """What a client of OpenAI asks for."""
    return {"model": model, "messages": [{"role": "user", "content": "x"}], **more}


def answer_of(body: bytes, kind: str = "application/json", status: str = "200 OK", *fields: str) -> bytes:
    """An answer with a length."""
    lines = "".join(f"{one}\r\n" for one in fields)
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"

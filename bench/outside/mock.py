"""The service behind every gateway: their answers and streams, given by the benchmark's own service (``native/service.c``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson

from bench.macro.build import native_program
from bench.macro.process import LOAD_CORE, Program, free_port
from bench.macro.subject import fresh_directory
from bench.outside.published import MARKERS, Published

#: The dialects whose streams there are; the others answer whole, whatever is asked.
STREAMED = ("openai", "anthropic")

Frame = tuple[bytes, bool]  #: an event, and whether it is content


def frames(dialect: str, count: int, size: int) -> Iterator[Frame]:
    """The events of a stream with ``count`` contents of ``size`` bytes, no two of them alike.  ValueError for a dialect without streams."""
    words = [(str(n) + "x" * size)[:size] for n in range(count)]
    if dialect == "openai":
        common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "mock"}

        def chunk(delta: dict[str, str], reason: str | None) -> bytes:
            return _data({**common, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

        yield chunk({"role": "assistant"}, None), False
        yield from ((chunk({"content": word}, None), True) for word in words)
        yield chunk({}, "stop"), False
        yield b"data: [DONE]\n\n", False
        return
    if dialect != "anthropic":
        raise ValueError(f"no streams of {dialect}")
    usage = {"input_tokens": 10, "output_tokens": 0}
    message: dict[str, object] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "mock",
        "content": [],
        "stop_reason": None,
        "usage": usage,
    }
    yield _event({"type": "message_start", "message": message}), False
    yield _event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}), False
    for word in words:
        yield _event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}), True
    yield _event({"type": "content_block_stop", "index": 0}), False
    yield (
        _event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": count}}),
        False,
    )
    yield _event({"type": "message_stop"}), False


def records(published: Published) -> bytes:
    """The file of answers for the service; contents are paced, what frames them is not."""
    parts = []
    for name, dialect in published.dialects.items():
        marker = MARKERS[name]
        parts.append(_record(marker, "answer", 0, dialect.answer))
        if name not in STREAMED:
            continue
        waits = 0
        for event, is_content in frames(name, published.frames, published.frame_bytes):
            wait = published.interval_ms * 1000 if is_content and waits else 0
            waits += is_content
            parts.append(_record(marker, "frame", wait, event))
    parts.append(_record("/models", "answer", 0, published.models))  # the last: a part of Gemini's paths
    return b"".join(parts)


class Mock:
    """The running service, on the load's core."""

    def __init__(self, published: Published) -> None:
        directory = fresh_directory("mock")
        answers: Path = directory / "answers"
        answers.write_bytes(records(published))
        self.port = free_port()
        argv = [str(native_program("service")), str(self.port), "0", "keep", str(answers)]
        self.program = Program(argv, core=LOAD_CORE, directory=directory)
        self.program.wait_port(self.port)


def _record(marker: str, kind: str, wait_us: int, content: bytes) -> bytes:
    return f"{marker} {kind} {wait_us} {len(content)}\n".encode() + content + b"\n"


def _data(value: object) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _event(value: dict[str, object]) -> bytes:
    return f"event: {value['type']}\n".encode() + _data(value)

"""What is learnt of answers while they pass, and that they pass as they came."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.filters.metering import AnswerMeter, LineMeter, StreamMeter, UsageMeter
from fastgw.wire import sse
from fastgw.wire.ndjson import LineReader
from fastgw.wire.sse import EventReader
from tests.support.inference import delta, event, usage_chunk

ROLE = {"model": "gpt-x", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}
STOP = {"model": "gpt-x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
WORDS = ["Hel", "lo", " wor", "ld", "!"]


def events_meter() -> StreamMeter:
    return StreamMeter(EventReader(), map(float, itertools.count(1)).__next__)


def fed(meter: UsageMeter, pieces: list[bytes], *, is_ended: bool = True) -> UsageMeter:
    for piece in pieces:
        assert meter.feed(piece) is piece  # it goes on in the same turn
    if is_ended:
        assert meter.finish() == b""
    return meter


OPENAI = [event(ROLE), *[event(delta(one)) for one in WORDS], event(STOP), event(usage_chunk(9, 5)), event(b"[DONE]")]
ANTHROPIC = [
    event({"type": "message_start", "message": {"model": "claude", "usage": {"input_tokens": 9, "output_tokens": 1}}}),
    event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    event({"type": "ping"}),
    *[event({"type": "content_block_delta", "delta": {"type": "text_delta", "text": one}}) for one in WORDS],
    event({"type": "content_block_stop", "index": 0}),
    event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}),
    event({"type": "message_stop"}),
]
RESPONSES = [
    event({"type": "response.created", "response": {"model": "gpt-x", "usage": None}}),
    *[event({"type": "response.output_text.delta", "delta": one}) for one in WORDS],
    event({"type": "response.completed", "response": {"usage": {"input_tokens": 9, "output_tokens": 5}}}),
]
OLLAMA = [
    *[orjson.dumps({"model": "llama", "message": {"content": one}, "done": False}) + b"\n" for one in WORDS],
    orjson.dumps({"model": "llama", "done": True, "prompt_eval_count": 9, "eval_count": 5}) + b"\n",
]
STREAMS = {"openai": OPENAI, "anthropic": ANTHROPIC, "responses": RESPONSES, "ollama": OLLAMA}


def meter_of(dialect: str) -> StreamMeter:
    clock = map(float, itertools.count(1)).__next__
    return LineMeter(LineReader(), clock) if dialect == "ollama" else events_meter()


@pytest.mark.parametrize("dialect", STREAMS)
def test_streams_tell_at_every_cut(dialect: str) -> None:
    stream = b"".join(STREAMS[dialect])
    ways = [[stream], STREAMS[dialect], [stream[at : at + 1] for at in range(len(stream))]]
    ways += [[stream[:cut], stream[cut:]] for cut in range(1, len(stream))]
    for pieces in ways:
        meter = fed(meter_of(dialect), pieces)
        assert (meter.told.prompt, meter.told.completion) == (9, 5)
        assert 0 < meter.first < meter.last


@pytest.mark.parametrize("dialect", STREAMS)
def test_the_first_token_comes_with_the_first_content(dialect: str) -> None:
    meter = meter_of(dialect)
    for piece in STREAMS[dialect]:
        meter.feed(piece)
        assert bool(meter.first) is (b"Hel" in piece or bool(meter.first and b"Hel" not in piece))
        if b"Hel" in piece:
            break
        assert not meter.first
    assert meter.first


@pytest.mark.parametrize("dialect", STREAMS)
@pytest.mark.parametrize("count", range(1, 6))
def test_who_leaves_in_the_middle_has_what_came(dialect: str, count: int) -> None:
    before = [one for one in STREAMS[dialect] if WORDS[0].encode() not in one]
    first = STREAMS[dialect].index(next(one for one in STREAMS[dialect] if WORDS[0].encode() in one))
    meter = fed(meter_of(dialect), STREAMS[dialect][: first + count], is_ended=False)
    assert before and meter.generated() == count


def test_tokens_are_told_at_the_end_although_the_last_event_has_none() -> None:
    stream = b"".join(OPENAI[:-1])
    assert fed(events_meter(), [stream[:-2]]).told.completion == 5


@given(
    st.lists(st.sampled_from((b"data: ", b"data:", b"x", b" ", b"\n", b"\r", b"\n\n", b": c")), max_size=9).map(
        b"".join
    )
)
def test_one_event_is_read_as_several_are(block: bytes) -> None:
    for whole in (block, block + b"\n\n", b"data: " + block + b"\n\n"):
        found = [(one.data, one.end - one.start) for one in sse.events(whole)]
        assert events_meter().parts(whole, 0) == found


def test_a_comment_is_no_token() -> None:
    comment = b": " + b"still here " * 20 + b"\n\n"
    pieces = [event(ROLE), comment, event(delta("a")), comment, event(delta("b")), comment]
    assert fed(events_meter(), pieces, is_ended=False).generated() == 2


def test_many_tokens_of_one_event_are_estimated_from_its_bytes() -> None:
    meter = fed(events_meter(), [event(ROLE), *[event(delta("word " * 40)) for _ in range(3)], event(b"[DONE]")])
    assert meter.told.completion < 0
    assert 140 <= meter.generated() <= 160


def test_events_without_content_are_read_for_a_while_only() -> None:
    meter = fed(events_meter(), [event(ROLE)] * 200 + [event(delta("a")), event(usage_chunk(1, 2))])
    assert meter.told.completion == 2


@pytest.mark.parametrize("size", [1, 1000])
def test_what_comes_behind_many_events_without_content_is_counted(size: int) -> None:
    roles, words = event(ROLE) * 128, [event(delta("word " * 8)) for _ in range(300)]
    pieces = [roles, *(b"".join(words[at : at + size]) for at in range(0, len(words), size))]
    meter = fed(events_meter(), pieces, is_ended=False)
    assert 2000 <= meter.generated() <= 300 * 10 + 128


@pytest.mark.parametrize("junk", [b"data: {\n\n", b"data: [1]\n\n", b"data: \xff\n\n", b": \n\n", b"\n\n", b"{}\n"])
def test_what_is_no_json_is_borne(junk: bytes) -> None:
    assert fed(events_meter(), [junk, *OPENAI, junk.replace(b"data", b'data: "usage":{')]).told.completion == 5
    meter = LineMeter(LineReader(), lambda: 1.0)
    assert fed(meter, [junk, *OLLAMA]).told.completion == 5


def test_usage_of_every_event_is_that_of_the_last() -> None:
    usages = [{"prompt_tokens": 9, "completion_tokens": one + 1} for one in range(3)]
    pieces = [event(delta("a", usage=one)) for one in usages]
    assert fed(events_meter(), pieces, is_ended=False).told.completion == 3


# --- answers in one object


def whole(said: Any, *cuts: int) -> AnswerMeter:
    data = said if isinstance(said, bytes) else orjson.dumps(said)
    places = [0, *cuts, len(data)]
    meter = AnswerMeter()
    fed(meter, [data[a:b] for a, b in itertools.pairwise(places) if a < b])
    return meter


def test_an_answer_is_read_whole() -> None:
    said = {"model": "gpt-x", "choices": [{"message": {"content": '"usage":{}'}}], "usage": {"prompt_tokens": 9}}
    size = len(orjson.dumps(said))
    for cut in range(size):
        meter = whole(said, cut)
        assert (meter.told.prompt, meter.told.model, meter.is_whole) == (9, "gpt-x", True)


@pytest.mark.parametrize("step", [1000, 20_000, 60_000, 65_536, 65_537, 1 << 20])
def test_of_a_large_answer_both_ends_are_read(step: int) -> None:
    said = {"object": "list", "model": "embed", "data": [0.123456] * 40_000}
    for one in (said | {"usage": {"prompt_tokens": 8}}, {"usage": {"prompt_tokens": 8}} | said):
        data = orjson.dumps(one)
        meter = whole(data, *range(step, len(data), step))
        assert (meter.told.prompt, meter.told.model, meter.is_whole) == (8, "embed", True)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"no", b"x" * 100_000, b'{"choices":[]}'])
def test_an_answer_that_tells_nothing_is_estimated(body: bytes) -> None:
    meter = whole(body)
    assert meter.told.prompt < 0 and not meter.is_whole and meter.generated() == len(body) // 4


def test_little_is_kept_of_a_large_answer() -> None:
    meter = AnswerMeter()
    for _ in range(1000):
        meter.feed(b"x" * 65_536)
        assert meter.held < 200_000

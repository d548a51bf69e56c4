"""Both forms see the same."""

from __future__ import annotations

from importlib.util import find_spec

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire import _glance_py as plain
from fastgw.wire.glance import glance, may_tell, tell_begun, tell_used
from fastgw.wire.usage import TokenCounts, content_size

WORDS = (
    b"data:", b"data", b"dat", b"\n", b"\n\n", b"\r\n", b"[DONE]", b"[DON", b'"usage"', b'"usag', b'"', b"u", b":", b" ", b"{", b"null",
    b"eval_count", b"eval", b"_count", b"x" * 9, b"x" * 16,
)  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=30).map(b"".join), st.integers(0, 40))
def test_the_compiled_form_sees_what_its_twin_sees(block: bytes, begin: int) -> None:
    begin = min(begin, len(block))
    assert glance(block, begin) == plain.glance(block, begin)
    assert bool(may_tell(block, begin)) is plain.may_tell(block, begin)


@pytest.mark.parametrize("word", [b"\ndata:", b"data:", b'"usage":{', b'"usage" : \r\n\t{', b"eval_count", b"[DONE]"])
def test_a_word_is_seen_wherever_it_stands(word: bytes) -> None:
    for before in range(40):
        for behind in range(40):
            block = b"x" * before + word + b"x" * behind
            assert glance(block, 0) == plain.glance(block, 0)
            assert glance(block[:-1], 0) == plain.glance(block[:-1], 0)
            assert glance(block, 1) == plain.glance(block, 1)


NAMES = (
    "model", "usage", "message", "response", "x_groq", "choices", "eval_count", "prompt_eval_count", "prompt_tokens", "input_tokens",
    "completion_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
    "prompt_cache_hit_tokens", "prompt_tokens_details", "input_tokens_details", "completion_tokens_details", "output_tokens_details",
    "cached_tokens", "reasoning_tokens", "thinking_tokens", "a", "mod\\u0065l", "usage\\n",
)  # fmt: skip
LEAVES = (
    "0", "7", "1099511627775", "1099511627776", "99999999999999999999", "-1", "1.0", "1e3", "null", "true", "false", '""', '"m"', '"usage"',
    '"\\"usage\\":{"', '"\\\\"', '"\u00e9"', '"}]{["', '"' + "x" * 40 + '\\n"', "[]", "{}",
)  # fmt: skip
BLANKS = ("", "", "", " ", "\n\t\r ")


def _object_of(values: st.SearchStrategy[str], names: tuple[str, ...] = NAMES) -> st.SearchStrategy[str]:
    """Objects of JSON in which keys may stand twice, with all the white space that there may be."""
    member = st.tuples(
        st.sampled_from(BLANKS), st.sampled_from(names), st.sampled_from(BLANKS), values, st.sampled_from(BLANKS)
    )
    return st.lists(member.map(lambda one: f'{one[0]}"{one[1]}"{one[2]}:{one[2]}{one[3]}{one[4]}'), max_size=5).map(
        lambda members: "{" + ",".join(members) + "}"
    )


VALUES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: _object_of(inner) | st.lists(inner, max_size=3).map(lambda found: f"[{','.join(found)}]"),
)


def _counted(told: TokenCounts) -> tuple[object, ...]:
    return told.model, told.prompt, told.completion, told.cached, told.reasoning


@given(_object_of(VALUES), st.sampled_from(BLANKS))
def test_what_is_seen_of_an_answer_is_what_is_read_of_it(text: str, blank: str) -> None:
    answer = (blank + text + blank).encode()
    taken, learned = TokenCounts(), TokenCounts()
    if tell_used(taken, answer):
        learned.learn(orjson.loads(answer))
        assert _counted(taken) == _counted(learned)


@given(_object_of(VALUES), st.integers(0, 400), st.binary(max_size=3))
def test_a_broken_answer_is_borne(text: str, place: int, put_in: bytes) -> None:
    """Of one that was cut nothing is known; of one with a byte too many what stands there, or nothing."""
    answer = text.encode()
    told = TokenCounts()
    assert not tell_used(told, answer[: min(place, len(answer) - 1)])
    assert _counted(told) == _counted(TokenCounts())
    tell_used(told, answer[:place] + put_in + answer[place:])
    assert told.model.isprintable() and all(type(one) is int and one >= -1 for one in _counted(told)[1:])


@pytest.mark.skipif(
    find_spec("fastgw.wire._glance") is None or tell_used is plain.tell_used, reason="in Python all answers are read"
)
@pytest.mark.parametrize(
    "answer",
    [
        (
            b'{"id":"1","model":"m","choices":[{"message":{"content":"a \\"usage\\": {\\n"}}],"usage":{"prompt_tokens":3,'
            b'"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":null}}'
        ),
        (
            b'{"type":"message","model":"m","content":[{"type":"text","text":"x"}],"usage":{"input_tokens":1,"cache_read_input_tokens":2,'
            b'"output_tokens":4}} '
        ),
        b'{"model":"m","message":{"role":"assistant","content":"x"},"done":true,"prompt_eval_count":3,"eval_count":4}',
        b'{"object":"list","data":[{"embedding":[0.5,-1e-3]}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}',
        (
            b'{"model":"m","output":[{"content":[{"text":"x"}]}],"usage":{"input_tokens":3,"input_tokens_details":{"cached_tokens":2},'
            b'"output_tokens":4,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":7}}'
        ),
    ],
    ids=["chat", "messages", "ollama", "embeddings", "responses"],
)
def test_usual_answers_need_not_be_read(answer: bytes) -> None:
    taken, learned = TokenCounts(), TokenCounts()
    assert tell_used(taken, answer)
    learned.learn(orjson.loads(answer))
    assert _counted(taken) == _counted(learned) and taken.model == "m" and taken.prompt == 3


@pytest.mark.parametrize(
    "answer", [b"", b" ", b"[]", b"{", b'{"model":"\\u006d"}', b'{"message":{"usage":{}}}', b"{} {}", b'{"a":}']
)
def test_what_has_to_be_read(answer: bytes) -> None:
    assert not tell_used(TokenCounts(), answer)


TEXTS = st.sampled_from(
    ('""', '"a"', '" word"', '"\u4f60\u597d"', '"\\n"', "null", "0", "[]", "{}", '"' + "x" * 40 + '"')
)
DELTAS = _object_of(TEXTS, ("content", "role", "reasoning_content", "reasoning", "refusal", "tool_calls"))
CHOICES = _object_of(DELTAS | TEXTS, ("delta", "delta", "index", "finish_reason", "logprobs", "text"))
LISTS = st.lists(CHOICES | CHOICES | TEXTS, max_size=3).map(lambda found: f"[{','.join(found)}]")
EVENTS = _object_of(LISTS | LISTS | VALUES, ("choices", "choices", "model", "id", "usage", "message", "delta", "type"))


@given(EVENTS, st.integers(0, 400))
def test_what_is_seen_of_an_event_is_what_is_read_of_it(text: str, place: int) -> None:
    event = text.encode()
    taken, learned = TokenCounts(), TokenCounts()
    size = tell_begun(taken, event)
    if size >= 0:
        said = orjson.loads(event)
        learned.learn(said)
        assert (size, _counted(taken)) == (content_size(said), _counted(learned))
    else:
        assert _counted(taken) == _counted(learned)
    assert tell_begun(taken, event[: min(place, len(event) - 1)]) == -1


@pytest.mark.skipif(
    find_spec("fastgw.wire._glance") is None or tell_used is plain.tell_used, reason="in Python all events are read"
)
@pytest.mark.parametrize(
    ("choices", "size"),
    [
        (b'[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]', 0),
        (b'[{"index":0,"delta":{"role":"assistant","content":"","refusal":null}}]', 0),
        (b'[{"index":0,"delta":{"content":" word"}}]', 5),
        (b'[{"index":0,"delta":{"reasoning_content":"Hm","content":null}}, {"delta":{"content":"b"}}]', 3),
        (b'[{"index":0,"delta":{},"finish_reason":"stop"}]', 0),
        (b"[]", 0),
        (b'[{"delta":{"content":"\\n"}}]', -1),
        (b'[{"delta":{"tool_calls":[{"index":0}]}}]', -1),
        (b"null", -1),
    ],
)
def test_usual_events_need_not_be_read(choices: bytes, size: int) -> None:
    told = TokenCounts()
    event = b'{"id":"1","object":"chat.completion.chunk","model":"m","usage":null,"choices":' + choices + b"}"
    assert tell_begun(told, event) == size
    assert told.model == ("m" if size >= 0 else "")

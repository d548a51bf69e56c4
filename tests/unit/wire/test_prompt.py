"""What prompts begin with: the same for all turns of a conversation, and for all that engines compute alike."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.json_skim import Skim
from fastgw.wire.prompt import BLOCK, LOOKED_AT_MAX, MESSAGE_MAX, OPENING_MAX, PROMPT_KEYS, blocks

SYSTEM = {"role": "system", "content": 'You are "kind" \\ and [brief], {"role":"user"}.'}
HELLO = {"role": "user", "content": 'Hello "there" \\'}
REPLY = {"role": "assistant", "content": "Hi."}
MORE = {"role": "user", "content": "And?"}


def of(body: dict[str, Any] | bytes, model: bytes = b"m") -> tuple[int, ...]:
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    skim = Skim((b"model", *PROMPT_KEYS))
    skim.feed(data)
    skim.finish()
    return blocks(data, skim.value, 1, model)


def chat(*messages: Any, **more: Any) -> tuple[int, ...]:
    return of({"model": "m", "stream": True, "messages": [*messages], **more})


def test_every_node_of_every_release_has_the_same_numbers() -> None:
    """A golden value: others move all conversations at an upgrade."""
    assert chat(SYSTEM, HELLO) == (3587817899, 2585735906)


def test_all_turns_of_a_conversation_are_alike() -> None:
    for messages in ([HELLO], [SYSTEM, HELLO], [SYSTEM, {"role": "developer", "content": "x" * 5000}, HELLO]):
        begins = chat(*messages)
        assert chat(*messages, REPLY) == chat(*messages, REPLY, MORE) == chat(*messages, user="x") == begins
        assert chat(*messages[:-1], MORE) != begins


def test_conversations_of_an_application_share_its_opening() -> None:
    one, other = chat(SYSTEM, HELLO), chat(SYSTEM, MORE)
    assert len(one) == len(other) == 2 and one[0] == other[0] and one[1] != other[1]
    assert chat({**SYSTEM, "content": "Be rude."}, HELLO)[0] != one[0]
    assert chat(SYSTEM, HELLO, tools=[{"type": "function"}])[0] != one[0]
    assert of({"messages": [SYSTEM, HELLO]}, b"other")[0] != one[0]


def test_a_role_is_found_wherever_it_stands() -> None:
    begins = chat({"content": "Be brief.", "role": "system"}, HELLO)
    assert begins[0] == chat({"content": "Be brief.", "role": "system"}, MORE)[0] and len(begins) == 2
    assert len(chat({"content": [{"type": "text", "text": '{"role":"system"}'}], "role": "user"})) == 1


def test_a_long_first_message_has_two_blocks() -> None:
    question = "x" * BLOCK
    one, other = (chat(SYSTEM, {"role": "user", "content": question + end}) for end in ("a", "b"))
    assert len(one) == 3 and one[:2] == other[:2] and one[2] != other[2]
    far = [chat({"role": "user", "content": "y" * MESSAGE_MAX + end}) for end in ("a", "b")]
    assert far[0] == far[1] and len(far[0]) == 2


def test_openings_of_each_api() -> None:
    anthropic = of({"messages": [HELLO], "system": "Be brief."})
    assert anthropic[0] == of({"messages": [MORE], "system": "Be brief."})[0] and len(anthropic) == 2
    assert (
        of({"instructions": "Be brief.", "input": [HELLO]})[0] == of({"input": [MORE], "instructions": "Be brief."})[0]
    )
    assert of({"instructions": "Be brief.", "input": "Hello"}) == of({"instructions": "Be brief.", "input": "Bye"})
    assert of({"system": "", "messages": [HELLO]}) == of({"messages": [HELLO], "tools": []})
    far = [of({"system": "s" * OPENING_MAX + end, "messages": [HELLO]}) for end in ("a", "b")]
    assert far[0] == far[1]


def test_text_counts_by_its_first_block() -> None:
    assert of({"prompt": "x" * 100}) == () and of({"prompt": ["x"] * 3}) == ()
    begins = of({"prompt": "x" * BLOCK})
    assert len(begins) == 1 and of({"prompt": "x" * (2 * BLOCK)}) == begins
    assert len(of({"system": "Be brief.", "prompt": "x" * BLOCK})) == 2


def test_nothing_is_nothing() -> None:
    for body in ({}, {"messages": []}, {"messages": None}, {"messages": ["x"]}, {"messages": [[HELLO]]}, {"input": 7}):
        assert of(body) == ()
    assert len(of({"messages": [SYSTEM]})) == 1


def test_no_more_is_looked_at_than_is_said() -> None:
    system = {"role": "system", "content": '\\"' * LOOKED_AT_MAX}
    assert len(chat(system, HELLO)) == 1  # where the opening ends is too far away
    assert len(chat({"role": "user", "content": "\\" * LOOKED_AT_MAX})) == 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["role", "content", '"', "\\", "x"]), inner | st.sampled_from(["system", "user"])
        )
    ),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=4), st.lists(json_values, max_size=3), json_values)
def test_what_follows_the_first_message_changes_nothing(messages: list[Any], more: list[Any], tools: Any) -> None:
    first = {"role": "user", "content": messages}
    assert chat(SYSTEM, first, tools=tools) == chat(SYSTEM, first, *more, tools=tools)
    assert len(of({"messages": messages, "tools": tools})) <= 3

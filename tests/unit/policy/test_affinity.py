"""EndpointTokens of endpoints: who can make one, and whom it finds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.affinity import EndpointTokens

SECRET = "s" * 16


@dataclass(eq=False)
class Endpoint:
    place: str


def endpoints(count: int) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(f"10.0.0.{number}:9000") for number in range(count))


def test_a_token_is_the_same_everywhere_and_tells_no_address() -> None:
    """A golden value: another one moves every client of every gateway at an upgrade."""
    (one,) = endpoints(1)
    token = EndpointTokens("llm", (SECRET,)).token(one)
    assert token == b"c6_aGWZ3FOT6pDkwhG8VLw"
    assert re.fullmatch(rb"[A-Za-z0-9_-]{22}", token)


@given(st.integers(1, 40), st.sets(st.integers(0, 39)))
def test_it_finds_its_endpoint_if_that_is_there_and_nobody_else(count: int, away: set[int]) -> None:
    tokens, everyone = EndpointTokens("llm", (SECRET,)), endpoints(count)
    there = tuple(one for number, one in enumerate(everyone) if number not in away)
    for one in everyone:
        assert tokens.find(there, tokens.token(one)) is (one if one in there else None)


def test_what_another_secret_or_service_has_made_is_forged() -> None:
    everyone = endpoints(3)
    tokens = EndpointTokens("llm", (SECRET,))
    for other in (EndpointTokens("llm", ("x" * 16,)), EndpointTokens("other", (SECRET,))):
        assert tokens.find(everyone, other.token(everyone[0])) is None
    assert tokens.find(everyone, b"") is None and tokens.find(everyone, b"10.0.0.0:9000") is None


def test_a_secret_can_be_changed_under_way() -> None:
    everyone = endpoints(3)
    old, both = EndpointTokens("llm", (SECRET,)), EndpointTokens("llm", ("new" * 6, SECRET))
    assert both.find(everyone, old.token(everyone[1])) is everyone[1]
    assert both.token(everyone[1]) != old.token(everyone[1])


def test_a_list_is_read_anew_and_the_gone_are_not_held() -> None:
    tokens, everyone = EndpointTokens("llm", (SECRET,)), [*endpoints(60)]
    last = everyone[-1]
    assert tokens.find(everyone, tokens.token(last)) is last
    everyone.pop()
    assert tokens.find(everyone, tokens.token(last)) is None
    few = endpoints(2)
    tokens.find(few, b"x")
    assert len(tokens._known) == 2

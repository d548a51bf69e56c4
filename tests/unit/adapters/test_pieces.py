"""Pieces of a body, from where the slowest is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastgw.adapters.pieces import Held, Pieces


@given(st.lists(st.tuples(st.integers(0, 1), st.binary(min_size=1, max_size=20), st.integers(0, 5))))
def test_what_all_hold_is_what_was_added_and_not_dropped(steps: list[tuple[int, bytes, int]]) -> None:
    of_all = Held(50)
    bodies = [Pieces(of_all), Pieces(of_all)]
    added: list[list[bytes]] = [[], []]
    dropped = [0, 0]
    for which, data, more in steps:
        bodies[which].add(data)
        added[which].append(data)
        dropped[which] = min(dropped[which] + more, len(added[which]))
        bodies[which].drop(dropped[which])
        bodies[which].drop(0)  # what is gone stays so
        left = [one[gone:] for one, gone in zip(added, dropped, strict=True)]
        assert of_all.size == sum(len(data) for one in left for data in one)
        assert bodies[which].are_too_many == (of_all.size > 50)
        assert [bodies[which].get(at) for at in range(dropped[which], len(added[which]))] == left[which]
        assert bodies[which].get(len(added[which])) is None
        assert bodies[which].size == sum(map(len, added[which]))
    for body in bodies:
        body.drop_all()
    assert of_all.size == 0


def test_all_of_a_body() -> None:
    body = Pieces(Held(50))
    body.add(b"he")
    body.add(b"llo")
    assert body.whole() == b"hello"

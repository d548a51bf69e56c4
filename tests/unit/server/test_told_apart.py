"""Names for people."""

from __future__ import annotations

from fastgw.server.told_apart import told_apart


def test_only_those_that_are_the_same_have_a_number() -> None:
    assert told_apart(["a", "b", "a", "c", "a"]) == ["a #1", "b", "a #2", "c", "a #3"]
    assert told_apart([]) == []

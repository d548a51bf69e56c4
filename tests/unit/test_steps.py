"""Work in pieces, done at once."""

from __future__ import annotations

import pytest

from fastgw.steps import Steps, whole


def test_whole_returns_what_was_made_behind_every_step() -> None:
    taken: list[int] = []

    def inner() -> Steps[str]:
        taken.append(1)
        yield
        taken.append(2)
        return "made"

    def outer() -> Steps[str]:
        yield
        return (yield from inner())

    assert whole(outer()) == "made" and taken == [1, 2]


def test_whole_raises_what_a_step_raises() -> None:
    def failing() -> Steps[None]:
        yield
        raise OSError("the key is gone")

    with pytest.raises(OSError, match="the key is gone"):
        whole(failing())

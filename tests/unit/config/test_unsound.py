"""The stand-in for what is wrong: whatever a rule asks about it, the answer is no."""

from __future__ import annotations

import pytest

from fastgw.config.unsound import UNSOUND, is_missing, is_unsound


def test_every_question_is_answered_by_no() -> None:
    assert not UNSOUND and len(UNSOUND) == 0 and list(UNSOUND) == []
    for other in (UNSOUND, "", None, 0, 7, "x"):
        assert not any((other == UNSOUND, other != UNSOUND, other == UNSOUND, other != UNSOUND))
    for number in (0, 7):
        assert not any((number > UNSOUND, number < UNSOUND, number < UNSOUND, number >= UNSOUND))
    assert "x" not in UNSOUND


def test_its_parts_are_unsound_too() -> None:
    assert UNSOUND.limits.head_size is UNSOUND and UNSOUND.items() is UNSOUND and UNSOUND["x"] is UNSOUND
    with pytest.raises(AttributeError):
        UNSOUND.__fspath__  # noqa: B018
    assert repr(UNSOUND) == "UNSOUND"


def test_it_is_there_once_in_a_set_or_mapping() -> None:
    assert UNSOUND in {UNSOUND: 1} and {UNSOUND, UNSOUND} == {UNSOUND}


def test_it_is_not_missing() -> None:
    assert is_missing("") and is_missing(None) and is_missing([]) and is_missing(0)
    assert not is_missing(UNSOUND) and not is_missing("x")
    assert is_unsound(1, UNSOUND) and not is_unsound(1, "") and not is_unsound()

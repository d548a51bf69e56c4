"""libyaml's composer does not go deeper than it is told."""

from __future__ import annotations

import pytest
import yaml

from fastgw.bounded_yaml import compose


def test_as_deep_as_it_is_told_and_no_deeper() -> None:
    found = compose("[[a]]", 3)
    assert isinstance(found, yaml.SequenceNode)
    with pytest.raises(yaml.MarkedYAMLError, match="more than 2 levels of nesting") as caught:
        compose("[[a]]", 2)
    mark = caught.value.problem_mark
    assert mark is not None and (mark.line, mark.column) == (0, 1)
    siblings = compose("[[], [], []]", 2)
    assert isinstance(siblings, yaml.SequenceNode) and len(siblings.value) == 3


@pytest.mark.parametrize("deepest", [64, 100])
def test_a_text_that_would_exhaust_the_stack_does_not(deepest: int) -> None:
    with pytest.raises(yaml.MarkedYAMLError):
        compose("[" * 200_000, deepest)


def test_nothing_and_too_much() -> None:
    assert compose("", 9) is None
    with pytest.raises(yaml.MarkedYAMLError, match="document"):
        compose("a\n---\nb", 9)

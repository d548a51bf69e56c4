"""What is wrong with chains of filters: each rule with the place and the words of its message."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import problems, with_listener, with_route

CASES = [
    (
        with_listener("filters: [request_ids]"),
        "3:15: listeners[0].filters[0]: no filter named 'request_ids'; did you mean",
    ),
    (
        with_route("filters: [acces_log]"),
        "4:38: routes[0].filters[0]: no filter named 'acces_log'; did you mean 'access_",
    ),
    (
        with_route("filters: [access_log, access_log]"),
        "4:50: routes[0].filters[1]: the filter 'access_log' is in this chain",
    ),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_each_rule_has_its_message(tmp_path: Path, text: str, expected: str) -> None:
    found = problems(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_a_filter_may_stand_in_the_chains_of_listener_and_route(tmp_path: Path) -> None:
    assert problems(tmp_path, with_route("filters: [request_id]")) == []  # the listener has it too

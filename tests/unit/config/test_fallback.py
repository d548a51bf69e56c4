"""What answers in the place of a service, as the file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.load import inspect
from fastgw.config.spec import FallbackSpec
from fastgw.core.settings import ReplySettings
from fastgw.policy.fallback import CAUSES
from tests.unit.config.files import problems, read, with_service


def with_steps(*steps: str) -> str:
    """A configuration whose service ``a`` has these steps, and may name ``b``."""
    return with_service(f"fallback: [{', '.join(steps)}]") + '  b: {endpoints: ["127.0.0.1:19001"]}\n'


def test_steps_are_causes_and_statuses(tmp_path: Path) -> None:
    text = with_steps(
        "{on: [timeout, 503, 504, timeout], service: b}", "{reply: {status: 200, json: []}}", "{on: [5xx], service: b}"
    )
    first, second, third = read(tmp_path, text).services[0].fallback
    assert first == FallbackSpec(("timeout",), (503, 504), "b", None, None)
    assert second == FallbackSpec(CAUSES, (), None, ReplySettings(200, b"[]", "application/json", ()), None)
    assert third.statuses == tuple(range(500, 600))


def test_the_last_good_answer_needs_a_cache(tmp_path: Path) -> None:
    text = with_steps("{cached: {max_age: 90s}}")
    assert any("fallback[0].cached: has nothing to give: no route" in line for line in problems(tmp_path, text))
    text = text.replace("service: a}", "service: a, cache: {}}")
    assert read(tmp_path, text).services[0].fallback[0].cached == 90.0


def test_a_service_that_only_stands_in_is_used(tmp_path: Path) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(with_steps("{service: b}"))
    assert inspect(path, {}, 0.0, None).warnings == []


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (["{}"], "services.a.fallback[0]: answers nothing: give it one of service, reply, cached"),
        (["{service: b, reply: {}}"], "services.a.fallback[0].reply: stands beside service; give one of them"),
        (
            ["{service: a}"],
            "services.a.fallback[0].service: 'a' cannot stand in for itself: another try is what retry is for",
        ),
        (["{service: c}"], "services.a.fallback[0].service: no service named 'c'"),
        (["{on: [], service: b}"], "services.a.fallback[0].on: is empty, so this step is never asked"),
        (["{on: [broken], service: b}"], "services.a.fallback[0].on[0]: expected connect, reset, timeout"),
        (["{on: [399], service: b}"], "services.a.fallback[0].on[0]: expected connect, reset, timeout"),
        (["{on: [3xx], service: b}"], "services.a.fallback[0].on[0]: expected connect, reset, timeout"),
        (["{on: [600], service: b}"], "services.a.fallback[0].on[0]: expected connect, reset, timeout"),
        (
            ["{on: [timeout, reset], reply: {}}", "{on: [reset], service: b}"],
            "services.a.fallback[1]: is never asked: fallback[0] has an answer whenever this one is meant",
        ),
        (["{reply: {status: 204, text: x}}"], "services.a.fallback[0].reply.text: has no effect with status 204"),
    ],
)
def test_what_cannot_stand_in(tmp_path: Path, steps: list[str], expected: str) -> None:
    found = problems(tmp_path, with_steps(*steps))
    assert any(line.partition(": ")[2].startswith(expected) for line in found), found


def test_a_service_with_versions_stands_in_for_none(tmp_path: Path) -> None:
    text = with_service("fallback: [{service: b}]")
    text += '  b: {versions: {v1: {endpoints: ["127.0.0.1:19001"], weight: 1}}}\n'
    assert any("'b' has versions; only a service without any" in line for line in problems(tmp_path, text))


def test_one_that_may_not_answer_hides_none_behind_it(tmp_path: Path) -> None:
    assert not problems(tmp_path, with_steps("{service: b}", "{reply: {}}"))

"""Services in the place of others, compiled."""

from __future__ import annotations

from pathlib import Path

from fastgw.config.stand_ins import join
from fastgw.core.exchange.fallback import mark
from fastgw.core.snapshot.snapshot import Service
from fastgw.policy.balancers import RoundRobin
from fastgw.steps import whole
from fastgw.testing import usual
from tests.unit.config.files import read, with_service


def made(folder: Path, *steps: str, other: str = "") -> dict[str, Service]:
    text = with_service(f"fallback: [{', '.join(steps)}]") + f'  b: {{endpoints: ["127.0.0.1:19001"]{other}}}\n'
    specs = read(folder, text).services
    services = {one.name: usual.service(one.name, (), RoundRobin()) for one in specs}
    whole(join(specs, services))
    return services


def test_the_first_step_leads_to_the_next(tmp_path: Path) -> None:
    services = made(tmp_path, "{on: [timeout], service: b}", "{on: [5xx], reply: {}}")
    a, b = services["a"], services["b"]
    assert b.fallback is None and b.minds is None
    first, second = a.fallback.services
    assert (first.name, first.members) == ("b", b.members)
    assert first.minds == (mark, first.fallback.takes_answer)
    assert first.fallback.services == [second]
    assert second.fallback is None
    assert a.minds == (a.fallback.takes_answer,)


def test_two_may_stand_in_for_each_other_and_nothing_goes_in_circles(tmp_path: Path) -> None:
    services = made(tmp_path, "{on: [503], service: b}", other=", fallback: [{on: [503], service: a}]")
    for one, other in (("a", "b"), ("b", "a")):
        (found,) = services[one].fallback.services
        assert (found.name, found.fallback, found.minds) == (other, None, (mark,))


def test_what_is_of_no_status_minds_no_answer(tmp_path: Path) -> None:
    assert made(tmp_path, "{service: b}")["a"].minds is None

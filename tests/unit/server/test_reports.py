"""What a worker tells of endpoints is gathered for a moment."""

from __future__ import annotations

from fastgw.core.live.news import FAILING, USED, Finding, Standing
from fastgw.server.messages import Report, Wanted
from fastgw.server.reports import FINDING_PAUSE, STANDING_PAUSE, Reports
from fastgw.testing.edge import new_loop

DOWN, UP = Finding("s", "a:1", "a:1", False, 1.0, "connect_refused"), Finding("s", "a:1", "a:1", True)


def test_a_member_that_is_back_before_it_was_reported_is_reported_twice() -> None:
    told: list[Report | Wanted] = []
    loop = new_loop()
    reports = Reports(loop, told.append)
    for one in (UP, DOWN, UP):
        reports.on_finding(one)
    loop.advance(FINDING_PAUSE)
    assert told == [Report((), (DOWN, UP))]


def test_of_an_address_the_last_word_counts_and_findings_take_it_along() -> None:
    told: list[Report | Wanted] = []
    loop = new_loop()
    reports = Reports(loop, told.append)
    reports.on_standing(Standing("s", "a:1", "a:1", FAILING, "connect_refused"))
    used = Standing("s", "a:1", "a:1", USED)
    reports.on_standing(used)
    loop.advance(FINDING_PAUSE)
    assert not told
    reports.on_finding(DOWN)
    loop.advance(STANDING_PAUSE)
    assert told == [Report((used,), (DOWN,))]

"""What is told of breakers."""

from __future__ import annotations

from typing import Any

from fastgw.config import schema
from fastgw.config.build import fill
from fastgw.config.spec import ServiceSpec
from fastgw.core import counters
from fastgw.core.causes import REFUSED
from fastgw.core.live.news import BREAKER, Finding
from fastgw.core.settings import ServiceSettings
from fastgw.server.breaker_status import breaker_of_endpoint, breaker_of_service
from tests.unit.server.test_findings import NAME, Stage, stage

__all__ = ["stage"]

WHOLE = ("s", "", "")
WHY = "4 of 4 calls failed in 10 s"


def spec(breaker: Any) -> ServiceSpec:
    model = schema.Service.model_validate({"endpoints": ["a:1"], "breaker": breaker})
    values: dict[str, Any] = dict.fromkeys(ServiceSpec._fields)
    return ServiceSpec(**values | {"name": "s", "settings": fill(ServiceSettings, model)})


def opened(member: tuple[str, str, str], until: float = 101.0) -> Finding:
    return Finding(*member, False, until, REFUSED, WHY, BREAKER)


def test_it_is_told_once_and_its_end_too(stage: Stage) -> None:
    assert stage.learn(0, opened(WHOLE)) == [opened(WHOLE)]
    assert stage.learn(1, opened(WHOLE)) == [] == stage.learn(0, opened(WHOLE, 102.0))
    [line] = stage.lines()
    assert (line["event"], line["level"], line["service"]) == ("a breaker is open", "warning", "s")
    assert (line["detail"], line["cause"]) == (WHY, REFUSED) and "endpoint" not in line
    up = Finding(*WHOLE, True, kind=BREAKER)
    stage.now = 103.0
    assert stage.learn(0, up) == [up] and stage.learn(1, up) == []
    [line] = stage.lines()
    assert (line["event"], line["seconds"]) == ("a breaker is closed again", 3.0)


def test_of_a_service_that_is_not_known_nothing_is_kept(stage: Stage) -> None:
    assert stage.learn(0, opened(("other", "", ""))) == []
    stage.learn(0, opened(WHOLE))
    stage.findings.retain({})
    assert not stage.findings.now


def test_an_endpoint_is_not_up_while_a_breaker_of_it_is_open(stage: Stage) -> None:
    for member in (WHOLE, NAME):
        stage.learn(0, opened(member))
        assert not stage.findings.is_up(NAME)
        assert stage.findings.of(NAME)["state"] == "up"  # which is about ejections
        stage.learn(0, Finding(*member, True, kind=BREAKER))
        assert stage.findings.is_up(NAME)


def test_the_state_says_since_when_and_why(stage: Stage) -> None:
    block = [0] * counters.SERVICE.size
    block[counters.SERVICE_BREAKER_REFUSED] = 7
    block[counters.SERVICE_BREAKER_TRANSITIONS] = 2
    both = spec({"minimum": 20, "scope": "both"})
    found = breaker_of_service(stage.findings, both, block)["breaker"]
    assert (found["scope"], found["state"], found["refused"], found["members_open"]) == ("both", "closed", 7, 0)
    assert found["transitions"] == {"open": 2, "half_open": 0, "closed": 0}
    stage.learn(0, opened(WHOLE), opened(NAME))
    found = breaker_of_service(stage.findings, both, None)["breaker"]
    assert (found["state"], found["open_in"], found["reason"], found["members_open"]) == ("open", 1, WHY, 1)
    stage.now = 101.5
    found = breaker_of_endpoint(stage.findings, both, "a:1", ["a:1"])["breaker"]
    assert (found["state"], found["reason"]) == ("half_open", WHY)
    assert breaker_of_endpoint(stage.findings, both, "b:1", ["b:1"])["breaker"]["state"] == "closed"


def test_where_there_is_none_nothing_is_said(stage: Stage) -> None:
    assert breaker_of_service(stage.findings, spec("off"), None) == {}
    assert breaker_of_service(stage.findings, None, None) == {}
    assert breaker_of_endpoint(stage.findings, spec({"minimum": 2, "scope": "service"}), "a:1", ["a:1"]) == {}

"""What is told of services all of whose members are asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fastgw.config import schema
from fastgw.config.build import fill
from fastgw.config.spec import ServiceSpec
from fastgw.core.live.news import PANIC, Finding
from fastgw.core.settings import ServiceSettings
from fastgw.server.panic_status import panic_of_service, panics
from tests.unit.server.test_findings import Stage, stage

__all__ = ["stage"]

WHY = "1 of 3 are left, less than 50%"
ON = Finding("s", "", "", False, cause="panic", reason=WHY, kind=PANIC)
OFF = Finding("s", "", "", True, kind=PANIC)


def spec(panic_below: str) -> ServiceSpec:
    model = schema.Service.model_validate({"endpoints": ["a:1"], "panic_below": panic_below})
    values: dict[str, Any] = dict.fromkeys(ServiceSpec._fields)
    return ServiceSpec(**values | {"name": "s", "settings": fill(ServiceSettings, model)})


def test_it_is_told_once_and_its_end_too(stage: Stage) -> None:
    plan = SimpleNamespace(spec=SimpleNamespace(services=[]))
    gateway: Any = SimpleNamespace(knowledge=SimpleNamespace(findings=stage.findings), current=plan)
    gateway.current.spec.services = [spec("50%"), spec("0%")]
    assert panics(gateway) == {"s": False}
    stage.learn(0, ON)
    stage.learn(1, ON)
    [line] = stage.lines()
    assert (line["event"], line["level"]) == ("all endpoints of a service are asked, too few are well", "warning")
    assert (line["service"], line["detail"]) == ("s", WHY)
    assert "seconds" not in line and "endpoint" not in line
    document = panic_of_service(stage.findings, spec("50%"))["panic"]
    assert (document["state"], document["panics_in"], document["reason"]) == ("on", 2, WHY)
    assert document["since"]
    assert panics(gateway) == {"s": True}
    assert stage.findings.is_up(("s", "a:1", "a:1"))
    stage.learn(0, OFF)
    stage.learn(1, OFF)
    [line] = stage.lines()
    assert line["event"] == "endpoints of a service are left out again"
    assert panic_of_service(stage.findings, spec("50%"))["panic"]["state"] == "off"


def test_nothing_where_there_is_no_threshold(stage: Stage) -> None:
    assert panic_of_service(stage.findings, spec("0%")) == {} == panic_of_service(stage.findings, None)

"""Lines of a log that a collector gets too: which, in what form, and what is told of those that nobody took."""

from __future__ import annotations

import json
import marshal
import os
from typing import Any

import pytest

from fastgw.config.telemetry_spec import LogPushSpec, TelemetrySpec
from fastgw.core.live.news import Logged
from fastgw.core.settings import Url
from fastgw.server.log import PER_WINDOW, Log
from fastgw.server.log_news import LEVELS, MOST_TEXT

URL = Url(False, "collector", 4318, "")


def telemetry(level: str | None) -> TelemetrySpec:
    logs = None if level is None else LogPushSpec(level)
    return TelemetrySpec(URL, (), 1.0, 100_000, (), None, None, logs)


class Taken:
    """Who is offered lines."""

    def __init__(self) -> None:
        self.messages: list[Logged] = []
        self.is_taking = True

    def __call__(self, message: Logged) -> bool:
        if self.is_taking:
            self.messages.append(message)
        return self.is_taking

    @property
    def lines(self) -> list[Any]:
        return [marshal.loads(line) for message in self.messages for line in message.lines]


@pytest.fixture
def log() -> Log:
    return Log("worker 3", os.open(os.devnull, os.O_WRONLY))


def test_a_line_is_handed_on_as_it_was_written(capfd: pytest.CaptureFixture[str]) -> None:
    log, taken = Log("worker 3"), Taken()
    log.pass_on(telemetry("info"), taken)
    log.warning("it happens", route="r", count=3, share=0.5, is_new=True, problems=["a", "b"], error=ValueError("x"))
    [(when, level, event, fields)] = taken.lines
    written = json.loads(capfd.readouterr().err)
    assert (level, event) == ("warning", "it happens")
    said = dict(fields)
    assert said.pop("problems") == '["a", "b"]' and said.pop("error") == '"x"'
    assert said == {"process": "worker 3", "pid": os.getpid(), "route": "r", "count": 3, "share": 0.5, "is_new": True}
    from fastgw.core.timestamp import timestamp

    assert timestamp(when / 1e9) == written["time"]


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_less_important_than_asked_for_is_not(level: str, log: Log) -> None:
    taken = Taken()
    log.pass_on(telemetry(level), taken)
    for one in LEVELS:
        log.limited(one, one)
    assert [line[1] for line in taken.lines] == list(LEVELS[LEVELS.index(level) :])


def test_nobody_gets_what_nobody_wants(log: Log) -> None:
    taken = Taken()
    log.pass_on(telemetry("info"), taken)
    log.apart().info("of the exporting itself")
    log.pass_on(telemetry(None), taken)
    log.info("one")
    log.pass_on(telemetry("info"), taken)
    log.pass_on(None, taken)
    log.info("two")
    assert taken.messages == []


def test_what_was_not_taken_is_told_by_the_next_that_is(log: Log) -> None:
    taken = Taken()
    log.pass_on(telemetry("info"), taken)
    taken.is_taking = False
    log.info("one")
    log.info("two")
    taken.is_taking = True
    log.info("three")
    log.info("four")
    assert [message.lost for message in taken.messages] == [2, 0]


def test_an_event_that_repeats_is_bounded_here_too(log: Log) -> None:
    taken = Taken()
    log.pass_on(telemetry("info"), taken)
    for _ in range(PER_WINDOW + 20):
        log.info("again", detail="x" * 2 * MOST_TEXT, numbers=2**70)
    assert len(taken.lines) == PER_WINDOW
    assert dict(taken.lines[0][3])["detail"] == "x" * MOST_TEXT and dict(taken.lines[0][3])["numbers"] == str(2**70)

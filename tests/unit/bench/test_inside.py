"""The pure parts of the measurements of code in the server's own process: configurations, applications, tables, goals."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bench.inside import __main__ as command
from bench.inside import batching
from bench.inside.apps import bare, hello, model
from bench.inside.servers import GOALS, GREETING, REPLY_CONFIGURATION, SERVERS, configuration
from bench.macro.loads import LoadResult
from fastgw.adapters.handlers import content
from fastgw.config.load import load


def samples(rps: dict[str, float]) -> command.Samples:
    usual = {"cpu_us": 20.0, "p99_us": 2000.0, "busy": 0.9, "foreign": 0.0, "errors": 0.0}
    return {name: [{**usual, "rps": value}] * 3 for name, value in rps.items()}


def loaded(rate: float, *, p99: float = 1000.0, errors: int = 0) -> LoadResult:
    return LoadResult(int(rate), 1.0, errors, 1.0, p99, p99, p99)


@pytest.mark.parametrize(
    "text",
    [
        configuration(8080, {"app": 'app: "hello:app"'}),
        configuration(8080, batching.SERVICES),
        REPLY_CONFIGURATION.format(port=8080),
    ],
)
def test_what_is_written_for_fastgw_is_a_configuration_of_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "fastgw.yaml"
    path.write_text(text)
    spec = load(path, {})
    assert not spec.listeners[0].filters
    assert {route.path for route in spec.routes} in ({"/*"}, {"/one-by-one", "/gathered"})


def test_the_applications_that_need_no_package_say_the_same() -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(bare.app({"type": "http"}, None, send))
    assert sent[1]["body"] == GREETING
    assert content(hello.hello(None)) == (b"content-type: application/json\r\n", GREETING)
    assert GREETING.decode() in REPLY_CONFIGURATION.format(port=1)


def test_the_model_costs_a_call_more_than_an_item() -> None:
    one_by_one = 32 * (model.CALL + model.ITEM)
    assert one_by_one / (model.CALL + 32 * model.ITEM) > batching.TIMES


def test_goals_are_judged_by_the_ratio_of_requests_a_second() -> None:
    text, is_met = command.ratios(samples({"handler": 30_000, "granian": 29_000, "http.server": 2_900}))
    assert is_met
    assert "10.34" in text
    text, is_met = command.ratios(samples({"handler": 30_000, "granian": 31_000}))
    assert not is_met
    assert "MISSED" in text


def test_a_server_that_was_not_measured_is_in_the_table_with_its_reason() -> None:
    text = command.table(SERVERS[:1] + SERVERS[2:3], samples({"handler": 30_000}), {"http.server": "it burns"})
    assert "30,000" in text
    assert "| http.server, threads | it burns |" in text


@pytest.mark.parametrize(
    ("found", "is_met"),
    [
        (batching.Batching(loaded(200), loaded(2000)), True),
        (batching.Batching(loaded(200), loaded(1500)), False),
        (batching.Batching(loaded(200), loaded(2000, p99=300_000)), False),
        (batching.Batching(loaded(200), loaded(2000, errors=1)), False),
        (batching.Batching(loaded(0), loaded(0)), False),
    ],
)
def test_batches_are_judged_by_throughput_tail_and_errors(found: batching.Batching, is_met: bool) -> None:
    assert found.is_met is is_met


def test_whoever_is_held_against_another_is_measured() -> None:
    assert {one.name for pair in GOALS for one in pair[:2]} <= {server.name for server in SERVERS}


def test_a_server_nobody_knows_is_a_mistake() -> None:
    with pytest.raises(SystemExit):
        command.parse(["--only", "nothing"])

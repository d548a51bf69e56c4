"""Under load from wrk: reloads, a second instance that takes over, and a worker that dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.fast_service import FastService
from tests.support.gateway import GatewayProcess, simple_config, wait_until
from tests.support.wrk import Wrk

pytestmark = [pytest.mark.integration, pytest.mark.needs("wrk")]

Gateway = Callable[..., GatewayProcess]
LoadOf = Callable[..., Wrk]


@pytest.fixture
def load() -> Iterator[LoadOf]:
    """``load(url)``: a run of wrk that ends with the test."""
    runs: list[Wrk] = []

    def start(url: str) -> Wrk:
        runs.append(Wrk(url))
        return runs[-1]

    yield start
    for run in runs:
        run.stop()


@pytest.fixture
def fast() -> Iterator[FastService]:
    with FastService() as service:
        yield service


def workers_of(supervisor: int) -> set[int]:
    """The process ids of a supervisor's children."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text()
    return {int(child) for child in children.split()}


def test_ten_reloads_lose_no_request(gateway: Gateway, fast: FastService, load: LoadOf) -> None:
    text = simple_config(fast.address, workers=2)
    running = gateway(text)
    run = load(running.base_url)
    before = running.generation()
    for number in range(10):
        running.write_config(text.replace("main", f"main-{number}"))  # another service each time: pools change hands
        running.signal(signal.SIGHUP)
        wait_until(lambda goal=before + number + 1: running.generation() >= goal, what="the reload is done")
    result = run.result()
    assert result.requests > 1000 and result.failed == 0, result


SERVICE = """
class Told:
    name = "told"

    async def execute(self, input):
        return {"version": NUMBER}
"""


def test_new_code_of_a_service_loses_no_call(gateway: Gateway, tmp_path: Path, load: LoadOf) -> None:
    folder = tmp_path / "gateway-0"
    folder.mkdir()
    code = folder / "told_service.py"
    code.write_text(SERVICE.replace("NUMBER", "1"))
    running = gateway(
        simple_config("127.0.0.1:9", workers=2).replace('endpoints: ["127.0.0.1:9"], ', 'python: "told_service:Told"')
    )
    run = load(running.base_url)
    before = running.generation()
    for number in range(3):
        old = workers_of(running.pid)
        code.write_text(SERVICE.replace("NUMBER", "1" * (number + 2)))  # of another size
        running.signal(signal.SIGHUP)
        wait_until(lambda goal=before + number + 1: running.generation() >= goal, what="the reload is done")
        wait_until(lambda old=old: not workers_of(running.pid) & old, what="the old workers have ended")
    result = run.result()
    assert result.requests > 1000 and result.failed == 0, result


def test_a_bad_file_changes_nothing(gateway: Gateway, fast: FastService, load: LoadOf) -> None:
    text = simple_config(fast.address, workers=2)
    running = gateway(text)
    run = load(running.base_url)
    before = running.generation()
    running.write_config(text.replace("routes:", "rooutes:"))
    running.signal(signal.SIGHUP)
    wait_until(lambda: "rooutes" in running.read_log(), what="the log says why")
    result = run.result()
    assert running.generation() == before and result.failed == 0, result


def test_a_second_instance_takes_over(gateway: Gateway, fast: FastService, load: LoadOf) -> None:
    """The second shares the port and, once ready, sends SIGTERM to the first, whose clients then find the second."""
    text = simple_config(fast.address, workers=2)
    first = gateway(text)
    run = load(first.base_url)
    second = gateway(text, port=first.port, environment={"FASTGW_UPGRADE": str(first.pid)})
    assert first.wait() == 0, first.read_log()
    result = run.result()
    assert result.requests > 1000 and result.failed == 0, result
    assert second.is_running()


def test_a_killed_worker_comes_back_and_no_connection_is_refused(
    gateway: Gateway, fast: FastService, load: LoadOf
) -> None:
    running = gateway(simple_config(fast.address, workers=2))
    before = workers_of(running.pid)
    run = load(running.base_url)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(workers_of(running.pid) - {victim}) >= len(before), limit=1.0, what="the worker is back")
    result = run.result()
    assert result.connect == 0 and result.timeout == 0 and result.refused == 0, result
    assert result.read <= 16, result  # at most what the dead worker held

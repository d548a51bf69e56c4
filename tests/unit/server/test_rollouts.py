"""Who gets which share of a service's requests, and what an operator can say of it."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.spec import GatewaySpec, VersionsSpec
from fastgw.server.rollouts import RolloutError, Rollouts
from tests.unit.config.files import read

FILE = """\
state_file: state.json
listeners: [{address: 127.0.0.1:18080, filters: []}]
routes: [{path: /*, service: llm}]
services:
  llm:
    versions:
      v1: {endpoints: ["127.0.0.1:19000"], weight: 90}
      v2: {endpoints: ["127.0.0.1:19001"], weight: 10}
    rollout: {steps: [25, 100], every: 1m}
"""


def played(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test that is a coroutine."""

    @functools.wraps(test)
    def play(**fixtures: Any) -> None:
        async def run() -> None:
            await test(**fixtures)

        asyncio.run(run())

    return play


class Shelf:
    """A gateway that starts and ends, and its file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec: GatewaySpec = read(folder, FILE)

    async def start(self, text: str = FILE) -> Rollouts:
        self.spec = read(self.folder, text)
        rollouts = Rollouts(self.spec.state_file, lambda: 7.0)
        self.lost = await rollouts.adopt(self.spec)
        return rollouts

    def shares(self, rollouts: Rollouts) -> dict[str, int]:
        """As a worker is told."""
        (one,) = rollouts.applied(self.spec).versioned
        return shares(one)


def shares(spec: VersionsSpec) -> dict[str, int]:
    return {one.name: share for one, share in zip(spec.versions, spec.shares, strict=True)}


CONFIGURED = {"v1": 900_000, "v2": 100_000}


@played
async def test_what_is_said_holds_over_a_restart_until_it_is_taken_back(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    rollouts = await shelf.start()
    assert shelf.shares(rollouts) == CONFIGURED
    told = await rollouts.promote("llm", "v2", 250_000)
    assert told == {"llm": {"v1": 750_000, "v2": 250_000}}
    await rollouts.promote("llm", "v2", 1_000_000)

    again = await shelf.start()
    assert shelf.shares(again) == {"v1": 0, "v2": 1_000_000}
    assert again.weights == {("llm", "v1"): 0.0, ("llm", "v2"): 1.0}
    await again.rollback("llm")
    assert shelf.shares(again) == {"v1": 750_000, "v2": 250_000}
    await again.rollback("llm")
    assert shelf.shares(again) == CONFIGURED
    with pytest.raises(RolloutError, match="nothing was changed of 'llm'"):
        await again.rollback("llm")


@played
async def test_reset_is_what_the_file_says(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    rollouts = await shelf.start()
    await rollouts.promote("llm", "v2", 500_000)
    assert await rollouts.reset("llm") == {"llm": CONFIGURED}
    assert shelf.shares(await shelf.start()) == CONFIGURED


@played
async def test_it_wins_over_weights_of_the_file_but_not_over_other_versions(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    rollouts = await shelf.start()
    await rollouts.promote("llm", "v2", 500_000)
    edited = await shelf.start(FILE.replace("weight: 90", "weight: 80"))
    assert (shelf.lost, shelf.shares(edited)) == ([], {"v1": 500_000, "v2": 500_000})
    other = await shelf.start(FILE.replace("v2:", "v3:"))
    assert (shelf.lost, shelf.shares(other)) == (["llm"], {"v1": 900_000, "v3": 100_000})
    back = await shelf.start()  # it does not come back with the old versions
    assert (shelf.lost, shelf.shares(back)) == ([], CONFIGURED)


@pytest.mark.parametrize(
    ("service", "version", "reason"),
    [
        ("llm", "v9", "'llm' has no version 'v9'; it has v1, v2"),
        ("nope", "v1", "no service named 'nope' has versions; those that have: llm"),
    ],
)
@played
async def test_what_is_not_there_cannot_be_promoted(tmp_path: Path, service: str, version: str, reason: str) -> None:
    rollouts = await Shelf(tmp_path).start()
    for ask in (rollouts.promote(service, version, 1), rollouts.begin(service, version)):
        with pytest.raises(RolloutError) as caught:
            await ask
        assert str(caught.value) == reason
    assert not os.path.exists(tmp_path / "state.json")


@played
async def test_a_file_that_cannot_be_written_changes_nothing_but_the_way_back_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(tmp_path)
    rollouts = await shelf.start()
    await rollouts.promote("llm", "v2", 500_000)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fastgw.server.state_file.write", full)
    with pytest.raises(RolloutError, match="cannot be written: No space left on device"):
        await rollouts.promote("llm", "v2", 1_000_000)
    assert shelf.shares(rollouts) == {"v1": 500_000, "v2": 500_000}
    await rollouts.rollback("llm")
    assert shelf.shares(rollouts) == CONFIGURED
    assert "No space" in rollouts.unsaved
    monkeypatch.undo()
    await rollouts.promote("llm", "v2", 500_000)
    assert rollouts.unsaved == ""


@played
async def test_a_plan_goes_on_after_a_restart_and_is_taken_back_as_one_change(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    rollouts = await shelf.start()
    await rollouts.begin("llm", "v2")
    assert shelf.shares(rollouts)["v2"] == 250_000
    again = await shelf.start(
        FILE.replace("steps: [25, 100]", "steps: [1, 2]")
    )  # it goes on by what was said when it began
    plan = again.plans["llm"]
    assert (plan.version, plan.step, plan.terms.steps) == ("v2", 0, (250_000, 1_000_000))
    await again.advance("llm", plan)
    assert shelf.shares(again)["v2"] == 1_000_000
    with pytest.raises(RolloutError, match="meanwhile"):
        await again.advance("llm", plan)
    with pytest.raises(RolloutError, match="meanwhile"):
        await again.end("llm", plan, "", back=True)
    await again.end("llm", again.plans["llm"], "v2 failed", back=True)
    assert (shelf.shares(again), again.plans) == (CONFIGURED, {})
    assert again.document()["llm"]["outcome"] == "v2 failed"


@pytest.mark.parametrize("how", ["promote", "rollback", "reset"])
@played
async def test_an_operator_ends_a_plan(tmp_path: Path, how: str) -> None:
    rollouts = await Shelf(tmp_path).start()
    await rollouts.begin("llm", "v2")
    assert rollouts.document()["llm"]["plan"] == {"version": "v2", "step": 1, "steps": [25.0, 100.0], "now": None}
    await {
        "promote": lambda: rollouts.promote("llm", "v2", 5),
        "rollback": lambda: rollouts.rollback("llm"),
        "reset": lambda: rollouts.reset("llm"),
    }[how]()
    assert rollouts.plans == {}


@played
async def test_a_plan_needs_steps(tmp_path: Path) -> None:
    rollouts = await Shelf(tmp_path).start(FILE.replace("    rollout: {steps: [25, 100], every: 1m}\n", ""))
    with pytest.raises(RolloutError, match="the file has no rollout for 'llm'"):
        await rollouts.begin("llm", "v2")


@played
async def test_the_document_tells_weights_in_percent(tmp_path: Path) -> None:
    rollouts = await Shelf(tmp_path).start(FILE + "    shadow: {version: v2}\n")
    await rollouts.promote("llm", "v2", 500_000)
    told = rollouts.document()["llm"]
    assert told["versions"]["v2"] == {"service": "llm@v2", "weight": 50.0, "configured": 10.0, "shadow": True}
    assert (told["changed"], told["before"], told["plan"]) == (7.0, {"v1": 90.0, "v2": 10.0}, None)


@played
async def test_what_is_said_moves_with_the_file(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    rollouts = await shelf.start()
    await rollouts.promote("llm", "v2", 250_000)
    elsewhere = FILE.replace("state.json", "other.json")
    await rollouts.adopt(read(tmp_path, elsewhere))
    assert shelf.shares(await shelf.start(elsewhere)) == {"v1": 750_000, "v2": 250_000}


@played
async def test_a_successor_begins_with_what_is_kept_whatever_the_file_says(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    ours = await shelf.start()
    await ours.promote("llm", "v2", 5000)
    told = ours.told()
    Path(ours.path).unlink()
    assert Rollouts(ours.path, told=told).told() == told
    assert Rollouts(ours.path, told={"format": 99}).told()["services"] == {}

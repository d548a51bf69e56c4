"""What is asked at the admin socket, and that the answer comes when all workers do it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.server import operations
from fastgw.server.admin_http import AdminHttp
from fastgw.server.guard import Guard
from fastgw.server.messages import Weigh
from fastgw.server.operations import Operations
from fastgw.server.rollouts import RolloutError, Rollouts
from tests.unit.server.test_rollouts import FILE, Shelf, played


class Told:
    """A worker: follows at once, never, or dies of it."""

    def __init__(self, index: int, how: str = "follows") -> None:
        self.index, self.how, self.pid = index, how, 100 + index


class Gate:
    """A gateway with such workers, and a log."""

    predecessor = 0
    is_upgrading = False

    def __init__(self, rollouts: Rollouts | None, *workers: Told) -> None:
        self.rollouts, self.workers = rollouts, workers
        self.sent: list[Weigh] = []
        self.lines: list[str] = []
        gateway: Any = self
        self.operations = Operations(gateway, gateway, {"status": self.carry_out}, AdminHttp({}, Guard(), gateway))

    def info(self, event: str, **_: Any) -> None:
        """As a log."""
        self.lines.append(event)

    error = warning = info

    def weigh(self, message: Weigh) -> list[Any]:
        """Tell the workers."""
        self.sent.append(message)
        for one in self.workers:
            if one.how == "follows":
                told: Any = one
                asyncio.get_running_loop().call_soon(self.operations.on_weighed, told, message.serial)
            elif one.how == "dies":
                asyncio.get_running_loop().call_soon(setattr, one, "pid", 0)
        return list(self.workers)

    async def carry_out(self, request: Any) -> dict[str, Any]:
        """An order that no service must have versions for."""
        return {"ok": True, "carried_out": request["do"]}

    async def ask(self, **request: Any) -> dict[str, Any]:
        return await self.operations.ask(request)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "FOLLOW_LIMIT", 0.05)
    monkeypatch.setattr(operations, "_LOOK", 0.005)


@played
async def test_the_answer_comes_when_all_have_followed(tmp_path: Path) -> None:
    gate = Gate(await Shelf(tmp_path).start(), Told(0), Told(1))
    answer = await gate.ask(do="promote", service="llm", version="v2", weight=25)
    assert answer["ok"] is True
    assert answer["versions"]["llm"]["versions"]["v2"]["weight"] == 25.0
    assert gate.sent[0].shares == {"llm": {"v1": 750_000, "v2": 250_000}}
    assert (await gate.ask(do="promote", service="llm", version="v2"))["versions"]["llm"]["versions"]["v2"][
        "weight"
    ] == 100
    assert (await gate.ask(do="rollback", service="llm"))["versions"]["llm"]["versions"]["v2"]["weight"] == 25
    assert (await gate.ask(do="reset", service="llm"))["versions"]["llm"]["versions"]["v2"]["weight"] == 10
    assert (await gate.ask(do="promote", service="llm", version="v2", plan=True))["versions"]["llm"]["plan"][
        "step"
    ] == 1
    assert (await gate.ask(do="versions"))["versions"].keys() == {"llm"}
    assert [one.serial for one in gate.sent] == [1, 2, 3, 4, 5]


@played
async def test_a_worker_that_does_not_follow_is_named(tmp_path: Path) -> None:
    gate = Gate(await Shelf(tmp_path).start(), Told(0), Told(1, "sleeps"), Told(2, "dies"))
    answer = await gate.ask(do="promote", service="llm", version="v2")
    assert (answer["ok"], answer["error"]) == (False, "late")
    assert answer["detail"].startswith("kept, but workers 1 have not followed")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"do": "promote", "service": "llm", "version": "v9"}, "has no version 'v9'"),
        ({"do": "promote", "service": "llm", "version": "v2", "weight": 101}, "from 0 to 100"),
        ({"do": "promote", "service": "llm", "version": "v2", "weight": "5"}, "from 0 to 100"),
        ({"do": "promote", "service": "llm", "version": "v2", "weight": True}, "from 0 to 100"),
        ({"do": "promote", "service": "llm", "version": "v2", "weight": float("nan")}, "from 0 to 100"),
        ({"do": "rollback", "service": "llm"}, "nothing was changed"),
        ({"do": "explode"}, "'do' is one of"),
        ({}, "'do' is one of"),
        ({"do": "reset", "service": ["llm"]}, "no service named"),
    ],
)
@played
async def test_what_cannot_be_done_is_refused(tmp_path: Path, request_: dict[str, Any], reason: str) -> None:
    gate = Gate(await Shelf(tmp_path).start(), Told(0))
    answer = await gate.ask(**request_)
    assert (answer["ok"], answer["error"]) == (False, "refused")
    assert reason in answer["detail"]
    assert gate.sent == []


@played
async def test_without_versions_there_is_nothing_to_ask() -> None:
    assert (await Gate(None).ask(do="versions"))["error"] == "no_versions"


@played
async def test_orders_need_no_versions() -> None:
    assert await Gate(None).ask(do="status") == {"ok": True, "carried_out": "status"}


@played
async def test_a_late_answer_of_another_question_says_nothing(tmp_path: Path) -> None:
    worker = Told(0, "sleeps")
    gate = Gate(await Shelf(tmp_path).start(), worker)
    told: Any = worker
    asyncio.get_running_loop().call_later(0.01, gate.operations.on_weighed, told, 0)
    with pytest.raises(RolloutError):
        operations.share_of(-1)
    assert (await gate.ask(do="promote", service="llm", version="v2"))["error"] == "late"


@played
async def test_a_plan_under_way_goes_on_without_one_in_the_file(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    await (await shelf.start()).begin("llm", "v2")
    gate: Any = Gate(await shelf.start(FILE.replace("    rollout: {steps: [25, 100], every: 1m}\n", "")))
    spec = shelf.spec._replace(admin_socket="")
    gate.plan_in_use = SimpleNamespace(spec=spec)
    await gate.operations.keep()
    looks = [one for one in asyncio.all_tasks() if "Plans.watch" in repr(one)]
    assert len(looks) == 1
    await gate.operations.stop()

"""What is ordered at the admin socket, and what is answered."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fastgw.config.load import load
from fastgw.server.orders import Orders
from fastgw.server.reload import Outcome
from fastgw.server.reload_guard import HELD, WENT_BACK, Verdict
from tests.unit.config.files import MINIMAL


class Held:
    """A control whose reload goes as the test says."""

    def __init__(self, folder: Path) -> None:
        file = folder / "gw.yaml"
        file.write_text(MINIMAL)
        self.new = file.with_name("new.yaml")
        self.new.write_text(MINIMAL + "workers: 3\n")
        plan = SimpleNamespace(spec=load(file, {}))
        self.gateway: Any = SimpleNamespace(
            plan_in_use=plan, is_started=True, is_draining=False, is_upgrading=False, generation=1, warnings=["soon"]
        )
        self.pages = SimpleNamespace(document=lambda: {"generation": 1})
        self.outcome = Outcome(True)
        self.stops = 0
        self.forced: list[bool] = []

    async def reload_now(self, *, is_forced: bool = False) -> Outcome:
        """Load the other file, or not."""
        self.forced.append(is_forced)
        if self.outcome.ok:
            self.gateway.plan_in_use = SimpleNamespace(spec=load(self.new, {}))
        return self.outcome

    async def upgrade(self) -> dict[str, Any]:
        """As SIGUSR2."""
        return {"ok": True, "pid": 4711}

    def stop(self) -> None:
        """As SIGTERM."""
        self.stops += 1
        self.gateway.is_draining = True


def ask(held: Any, word: str) -> dict[str, Any]:
    return asyncio.run(
        Orders(held.gateway, held.pages.document, held.reload_now, held.stop, held.upgrade).answers[word]({"do": word})
    )


def test_the_status_is_that_of_the_admin_address(tmp_path: Path) -> None:
    assert ask(Held(tmp_path), "status") == {"ok": True, "status": {"generation": 1}}


def test_a_reload_answers_what_has_changed(tmp_path: Path) -> None:
    answer = ask(Held(tmp_path), "reload")
    assert answer == {"ok": True, "generation": 1, "changes": ["gateway: workers: 0 -> 3"], "warnings": ["soon"]}


def test_how_a_rehearsal_went_is_answered_either_way_and_somebody_may_insist(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.outcome = Outcome(True, rehearsal={"state": "passed"})
    assert ask(held, "reload")["rehearsal"] == {"state": "passed"}
    held.outcome = Outcome(False, ("rehearsal: 3 lost",), rehearsal={"state": "refused"})
    answer = ask(held, "reload")
    assert (answer["error"], answer["rehearsal"]) == ("refused", {"state": "refused"})
    orders = Orders(held.gateway, held.pages.document, held.reload_now, held.stop, held.upgrade)
    asyncio.run(orders.reload({"do": "reload", "force": True}))
    assert held.forced == [False, False, True]


def test_who_waits_for_the_guard_is_told_how_it_ended(tmp_path: Path) -> None:
    async def story(how: str, *, is_waiting: bool = True) -> dict[str, Any]:
        held = Held(tmp_path)
        guard: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        held.outcome = Outcome(True, guard=guard)
        orders = Orders(held.gateway, held.pages.document, held.reload_now, held.stop, held.upgrade)
        asked = asyncio.ensure_future(orders.reload({"do": "reload", "wait_guard": is_waiting}))
        if is_waiting:
            while not guard._callbacks:  # the changes are compared in a thread
                await asyncio.sleep(0)
            assert not asked.done()
            guard.set_result(Verdict(how, "because"))
        return await asked

    assert "guard" not in asyncio.run(story(HELD, is_waiting=False))
    answer = asyncio.run(story(HELD))
    assert answer["ok"] and answer["guard"] == {"state": "held", "reason": "because"}
    answer = asyncio.run(story(WENT_BACK))
    assert (answer["ok"], answer["error"], answer["detail"]) == (False, "went_back", "because")


def test_a_reload_answers_why_not(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.outcome = Outcome(False, ("gw.yaml:1:1: wrong",))
    answer = ask(held, "reload")
    assert (answer["ok"], answer["error"], answer["problems"]) == (False, "refused", ["gw.yaml:1:1: wrong"])
    assert answer["detail"].endswith("\ngw.yaml:1:1: wrong")
    held.gateway.is_started = False
    assert ask(held, "reload")["error"] == "starting"
    held.gateway.is_started, held.gateway.is_draining = True, True
    assert ask(held, "reload")["error"] == "draining"


def test_an_upgrade_is_answered_and_nothing_is_reloaded_meanwhile(tmp_path: Path) -> None:
    held = Held(tmp_path)
    assert ask(held, "upgrade") == {"ok": True, "pid": 4711}
    held.gateway.is_upgrading = True
    assert ask(held, "reload")["error"] == "upgrading"


def test_a_drain_is_begun_once(tmp_path: Path) -> None:
    held = Held(tmp_path)
    assert ask(held, "drain")["ok"] is True
    assert ask(held, "drain")["grace"] == 30
    assert held.stops == 1  # a second one would cut off what is under way


def asked_limits(held: Any, **more: Any) -> dict[str, Any]:
    orders = Orders(held.gateway, held.pages.document, held.reload_now, held.stop, held.upgrade)
    return asyncio.run(orders.limits({"do": "limits", **more}))


def test_what_is_left_of_limits_is_told_of_whom_the_request_says(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.gateway.board = SimpleNamespace(view=None)
    assert asked_limits(held, of=[["key", "ann"]]) == {"ok": True, "limits": []}  # the configuration has none
    assert asked_limits(held) == {"ok": True, "limits": []}
    assert asked_limits(held, of=[["model", "none"]])["error"] == "unknown"
    assert asked_limits(held, of=[["label", "team=a"]])["error"] == "unknown"
    for of in ("key", [["key"]], [["key", 1]], [["key", "ann", "x"]], ["ab"], {"key": "ann"}):
        assert asked_limits(held, of=of)["error"] == "misfit", of
    held.gateway.is_started = False
    assert asked_limits(held)["error"] == "starting"

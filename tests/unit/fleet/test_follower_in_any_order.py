"""A node, whatever happens to it and its fleet in whichever order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastgw.fleet import records
from fastgw.fleet.follower import AGAIN, FleetFollower
from fastgw.fleet.records import Coordinator
from tests.support.virtual import passes
from tests.unit.fleet.test_follower import KEYS, NAME, Played, played

#: What may happen to a node, in any order; the last is a promotion that nothing hinders.
HAPPENINGS = st.sampled_from(
    ["push", "check", "canary", "other canary", "promote", "back", "away", "there", "wipe", "refuse", "busy", "rest"]
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(HAPPENINGS, max_size=14))
def test_whatever_happens_it_serves_only_what_is_wanted_and_comes_to_what_is_promoted(
    tmp_path_factory: pytest.TempPathFactory, happenings: list[str]
) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        latest, promoted, allowed, names = 0, 0, {"zero"}, iter(range(1000))

        async def put(phase: str, number: int, **more: Any) -> None:
            if fleet.model.is_up and latest:
                await fleet.rollout(number, phase, promoted, **more)

        for one in [*happenings, "there", "push", "check", "promote"]:
            fleet.refuses, fleet.can_change = {}, True
            if one == "push" and fleet.model.is_up:
                latest = await fleet.push(f"text {next(names)}")
            elif one == "check":
                await put(records.CHECKING, latest)
            elif one == "canary" and latest:
                generation = await fleet.text(latest)
                allowed |= {generation}
                await put(records.CANARY, latest, canaries=(NAME,))
            elif one == "other canary":
                await put(records.CANARY, latest, canaries=("edge-2",))
            elif one == "promote" and fleet.model.is_up and latest:
                allowed |= {await fleet.text(latest)}
                promoted = latest
                await put(records.PROMOTED, latest)
            elif one == "back":
                await put(records.WENT_BACK, latest)
            elif one == "away":
                fleet.model.stop()
                await passes(3)
            elif one == "there":
                fleet.model.start()
                await passes(5)
            elif one == "wipe":
                fleet.model.wipe(is_seen=True)
                fleet.model.put(KEYS.coordinator.encode(), Coordinator("another").write())
                latest = promoted = 0
                await passes(5)
            elif one == "refuse" and latest:
                allowed |= {await fleet.text(latest)}  # it is wanted, and tried again
                fleet.refuses = dict.fromkeys([await fleet.text(latest)], "the address is taken")
                await put(records.CANARY, latest, canaries=(NAME,))
            elif one == "busy":
                fleet.can_change = False
                await passes(2)
            else:
                await passes(40)
            assert fleet.serves in allowed
            assert fleet.copies.text() == fleet.serves
        await passes(2 * AGAIN + 5)
        assert fleet.serves == fleet.copies.text() == await fleet.text(promoted)
        assert (fleet.said.uses, fleet.said.state) == (promoted, records.SERVING)

    played(tmp_path_factory.mktemp("node"), work, text="zero")

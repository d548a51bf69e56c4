"""Who is near comes first, as long as there is enough of it."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.zones import Zones


@dataclass(eq=False)
class Endpoint:
    zone: str
    weight: int = 1

    @property
    def settings(self) -> Any:
        return SimpleNamespace(zone=self.zone)


def test_all_of_the_zone_then_all_there_are() -> None:
    a, b, c, far = Endpoint("x"), Endpoint("x"), Endpoint("x"), Endpoint("y")
    everyone = (a, b, c, far)
    zones = Zones("x", 0.6, lambda: everyone)
    assert zones.nearest(everyone) == (a, b, c)
    assert zones.nearest(everyone) is zones.nearest(everyone)
    assert zones.nearest((a, b, far)) == (a, b)  # two of three
    assert zones.nearest((a, far)) == (a, far)
    assert zones.nearest((far,)) == (far,)
    assert Zones("x", 0.0, lambda: everyone).nearest((a, far)) == (a,)
    assert Zones("elsewhere", 0.0, lambda: everyone).nearest(everyone) is everyone


def test_a_heavy_member_is_more_of_its_zone() -> None:
    heavy, light, far = Endpoint("x", 9), Endpoint("x"), Endpoint("y")
    zones = Zones("x", 0.5, lambda: (heavy, light, far))
    assert zones.nearest((heavy, far)) == (heavy,)
    assert zones.nearest((light, far)) == (light, far)
    light.weight = 9
    assert zones.nearest((light, far)) == (light,)  # another tuple, and weights are read again


def test_a_list_is_looked_at_every_time() -> None:
    one, far = Endpoint("x"), Endpoint("y")
    zones = Zones("x", 0.0, lambda: (one, far))
    candidates = [one, far]
    assert zones.nearest(candidates) == (one,)
    candidates.pop(0)
    assert zones.nearest(candidates) == [far]


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.booleans()), min_size=1), st.floats(0, 1))
def test_whom_it_takes_is_ready_and_somebody(members: list[tuple[str, bool]], spill_below: float) -> None:
    everyone = [Endpoint(zone) for zone, _ in members]
    ready = tuple(one for one, (_, is_ready) in zip(everyone, members, strict=True) if is_ready) or (everyone[0],)
    found = Zones("x", spill_below, lambda: everyone).nearest(ready)
    assert found and set(found) <= set(ready)
    local = [one for one in ready if one.zone == "x"]
    enough = bool(local) and len(local) >= spill_below * sum(one.zone == "x" for one in everyone)
    assert set(found) == set(local if enough else ready)

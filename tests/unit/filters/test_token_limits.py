"""One limit: what it takes of a settled request, and limits that are said of one exchange."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.filters.token_limits import Counted, Noted


def no_window(*arguments: Any) -> Any:
    raise AssertionError(arguments)


SETTLED = {"total_tokens": 30, "prompt_tokens": 20, "completion_tokens": 10, "cost": 0.0000015}


def counted(unit: str = "tokens", per: Any = ("key",), place: int = 1) -> Counted:
    options = {"rate": (100, 60), "burst": None, "per": per, "unit": unit, "block": 10}
    return Counted("limit", place, options, None)


@pytest.mark.parametrize(
    ("unit", "used"), [("tokens", 30), ("prompt_tokens", 20), ("completion_tokens", 10), ("cost", 2)]
)
def test_what_is_charged_is_what_its_unit_says(unit: str, used: int) -> None:
    assert counted(unit).used(SETTLED) == used


def test_what_has_no_price_costs_nothing() -> None:
    assert counted("cost").used({**SETTLED, "cost": None}) == 0


def test_what_is_said_of_a_level_is_in_the_place_of_it() -> None:
    own = [counted(), counted("requests"), counted(per=("label:team",), place=3)]
    own[0].base, own[2].base = 70, 90
    noted = Noted("limit", None, no_window)
    noted.base = 80
    said = (("tokens", "5000/m"), ("cost", "2/d"))
    found = noted.over(own, {"key": said})
    assert [(one.kind.text, one.base) for one in found] == [
        ("100 tokens/m per label:team", 90),
        ("5000 tokens/m per key", 70),
        ("2 cost/d per key", 80),
    ]
    assert noted.over(own, {"key": said})[1] is found[1]  # made once
    assert noted.over(own, {"key": (("tokens", "7/m"),)})[1].burst == 7
    assert [one.level for one in noted.over(own, {"key and model": said})][-1] == "key and model"


def test_so_many_at_one_time_may_be_said_too() -> None:
    [one] = Noted("limit", None, no_window).over([], {"key": (("max", "7"),)})
    assert (one.kind.text, one.burst) == ("7 requests at one time per key", 7)


def test_they_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Noted, "KNOWN_MAX", 2)
    noted = Noted("limit", None, no_window)
    said = [((("tokens", f"{number}/m")),) for number in range(1, 5)]
    assert [noted.over([], {"key": one})[0].burst for one in said] == [1, 2, 3, 4]


@pytest.mark.parametrize("pair", [("tokens", "1.5/m"), ("tokens", "x")])
def test_what_is_no_rate_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"expected|whole"):
        Noted("limit", None, no_window).over([], {"key": (pair,)})

"""What tokens cost."""

from __future__ import annotations

import pytest

from fastgw.filters.prices import Price, Prices


def price(one: float) -> tuple[tuple[str, float], ...]:
    return (("input", one), ("output", one * 4), ("cached", one / 2))


PRICES = Prices((("gpt-4o", price(2.5)), ("gpt-4o-*", price(3)), ("gpt-*", price(1)), ("*", price(0.001))))


@pytest.mark.parametrize(
    ("model", "per_million"),
    [("gpt-4o", 2.5), ("gpt-4o-2024-08-06", 3), ("gpt-4", 1), ("llama", 0.001), ("", 0.001)],
)
def test_its_own_name_then_the_longest_beginning(model: str, per_million: float) -> None:
    for _ in range(2):
        assert PRICES.of(model) == Price(per_million, per_million * 4, per_million / 2)


def test_what_is_cached_costs_less() -> None:
    assert PRICES.cost("gpt-4o", "", 1000, 400, 100) == (600 * 2.5 + 400 * 1.25 + 100 * 10) / 1e6
    assert PRICES.cost("llama", "", 1, 0, 0) == 1e-9
    assert PRICES.cost("gpt-4o", "", 0, 0, 0) == 0


def test_a_model_that_nobody_knows_costs_what_the_one_costs_that_was_asked_for() -> None:
    assert Prices((("gpt-4o", price(2.5)),)).cost("served-7b", "gpt-4o", 2, 0, 0) == 5e-6


def test_a_model_without_a_price_has_no_cost() -> None:
    assert Prices((("gpt-4o", price(2.5)),)).cost("gpt-4", "", 1, 0, 1) is None
    assert Prices(()).cost("gpt-4", "", 1, 0, 1) is None


def test_names_from_services_are_remembered_in_a_bounded_number() -> None:
    prices = Prices((("*", price(1)),))
    for number in range(5000):
        assert prices.of(f"m{number}") is not None
    assert len(prices._known) == 256

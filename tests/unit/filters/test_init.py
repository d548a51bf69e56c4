"""What the configuration's ``type`` may be."""

from __future__ import annotations

from fastgw.filters import TYPES


def test_every_type_makes_a_filter_of_the_given_name() -> None:
    for make in TYPES.values():
        made = make("mine", {})
        assert made.name == "mine"
        assert any(hasattr(made, hook) for hook in ("request", "response", "done"))

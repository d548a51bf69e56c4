"""Ejection in the file: what of it cannot work."""

from __future__ import annotations

import pytest

from fastgw.config.ejection import Ejection


def test_what_is_not_given_is_off() -> None:
    found = Ejection.model_validate({}).settings()
    assert (found.failures, found.slow, found.minimum, found.max_share) == (0.0, 0.0, 0, 0.5)


@pytest.mark.parametrize("given", [{"slow": "1"}, {"slow": "fast"}, {"max_share": "0%"}, {"failures": "0%"}])
def test_what_means_nothing_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"expected|would|is reached"):
        Ejection.model_validate(given)

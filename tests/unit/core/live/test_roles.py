"""Who is told how tries end has what ``Members`` call."""

from __future__ import annotations

import pytest

from fastgw.core.live import roles
from fastgw.core.live.breaking import Breaking
from fastgw.core.live.judges import Judges
from fastgw.core.live.outlying import Outlying
from fastgw.policy.ewma import PeakEwma


def asked_for(role: type) -> set[str]:
    """Names of the methods and properties that a role has."""
    return {name for one in role.__mro__ for name in vars(one) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("kind", "role"),
    [(Breaking, roles.Breakers), (Outlying, roles.Outliers), (Judges, roles.Judge), (PeakEwma, roles.Judge)],
)
def test_each_has_all_that_is_asked_of_its_role(kind: type, role: type) -> None:
    assert "settle" in asked_for(role) <= {*dir(kind)}

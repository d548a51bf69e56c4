"""What the file says of asking a second endpoint, and what of that cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.core.settings import HedgeSettings
from tests.unit.config.files import problems, read, with_service


def test_all_of_it(tmp_path: Path) -> None:
    text = with_service("hedge: {quantile: 95%, max_share: 5%, min_delay: 10ms, methods: [GET, POST]}")
    (service,) = read(tmp_path, text).services
    assert service.settings.hedge == HedgeSettings(0.95, 0.0, 0.05, 0.01, ("GET", "POST"))
    assert service.settings.hedge.sends_twice == {b"GET", b"POST"}


def test_what_is_not_said(tmp_path: Path) -> None:
    (service,) = read(tmp_path, with_service("hedge: {}")).services
    hedge = service.settings.hedge
    assert hedge == HedgeSettings(0.99, 0.0, 0.03, 0.001, ())
    assert b"GET" in hedge.sends_twice and b"POST" not in hedge.sends_twice


@pytest.mark.parametrize("text", ["hedge: off", "retry: {}"])
def test_without(tmp_path: Path, text: str) -> None:
    (service,) = read(tmp_path, with_service(text)).services
    assert service.settings.hedge is None


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("max_share: 0%", "services.a.hedge.max_share: is 0%: no request would be sent twice"),
        ("max_share: 51%", "services.a.hedge.max_share: is more than 50%"),
        ("max_share: 0.1", "services.a.hedge.max_share: expected a percentage"),
        ("quantile: 49%", "services.a.hedge.quantile: must be from 50% to 99.9%"),
        ("quantile: 100%", "services.a.hedge.quantile: must be from 50% to 99.9%"),
        ("after: 1s, quantile: 99%", "services.a.hedge.quantile: has no effect beside after"),
        ("after: 1s, min_delay: 1s", "services.a.hedge.min_delay: has no effect beside after"),
        ("methods: [post]", "services.a.hedge.methods[0]"),
        ("share: 3%", "share"),
    ],
)
def test_what_cannot_work(tmp_path: Path, keys: str, expected: str) -> None:
    assert any(expected in one for one in problems(tmp_path, with_service(f"hedge: {{{keys}}}")))

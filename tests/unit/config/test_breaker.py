"""When a service is left alone, as the file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.core.settings import BreakerSettings
from tests.unit.config.files import problems, read, with_service


def test_defaults_and_what_is_said(tmp_path: Path) -> None:
    (service,) = read(tmp_path, with_service("breaker: {minimum: 20}")).services
    every = tuple(range(500, 600))
    assert service.settings.breaker == BreakerSettings("member", 0.5, 0.0, 0.0, 20, 10.0, 0.5, 1.0, 3, every)
    text = "breaker: {scope: both, minimum: 5, failures: off, slow: 25%, slow_after: 800ms, trials: 1, statuses: [500, 503]}"
    (service,) = read(tmp_path, with_service(text)).services
    assert service.settings.breaker == BreakerSettings("both", 0.0, 0.25, 0.8, 5, 10.0, 0.5, 1.0, 1, (500, 503))


@pytest.mark.parametrize("keys", ["", "breaker: off", "breaker: false"])
def test_none(tmp_path: Path, keys: str) -> None:
    (service,) = read(tmp_path, with_service(keys or "balance: random")).services
    assert service.settings.breaker is None


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", "services.a.breaker: needs minimum: the calls that a window must have"),
        ("minimum: 1", "services.a.breaker.minimum"),
        ("minimum: 5, slow: 50%", "services.a.breaker.slow: needs slow_after, such as 800ms"),
        ("minimum: 5, slow_after: 1s", "services.a.breaker.slow_after: has no effect without slow"),
        ("minimum: 5, failures: off", "services.a.breaker.failures: is off, and so is slow"),
        ("minimum: 5, failures: 0%", "0% of the calls is reached before any of them fails"),
        ("minimum: 5, failures: 0.5", "expected a percentage from 0% to 100%"),
        ("minimum: 5, base: 2s", "services.a.breaker.base: is longer than max (1 s)"),
        ("minimum: 5, statuses: [404]", "expected 5xx or a status from 500 to 599, got '404'"),
        ("minimum: 5, statuses: []", "services.a.breaker.statuses: is empty"),
        ("minimum: 5, scope: endpoint", "expected member, service or both"),
        ("minimum: 5, trials: 0", "services.a.breaker.trials"),
    ],
)
def test_what_cannot_work(tmp_path: Path, keys: str, expected: str) -> None:
    found = problems(tmp_path, with_service(f"breaker: {{{keys}}}"))
    assert any(expected in one for one in found), found
    assert len(found) == 1, found

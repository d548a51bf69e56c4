"""What is sent to a collector, as plain data."""

from __future__ import annotations

from fastgw.config.telemetry_spec import MetricPushSpec, TelemetrySpec
from fastgw.core.settings import Url


def test_nothing_that_is_secret_is_shown() -> None:
    url = Url(True, "a.test", 443, "/")
    shown = repr(TelemetrySpec(url, ((b"authorization", b"hunter2"),), 1.0, 9, (), None, MetricPushSpec(5.0)))
    assert "hunter2" not in shown and "a.test" in shown and "interval=5.0" in shown

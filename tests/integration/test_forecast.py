"""What follows a forecast, with real processes: a restart with what the store knows begins warm, and with the limit of this hour."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fastgw.server.forecast_store import ForecastStore
from tests.integration.processes import Gateway, Service, get, say
from tests.support.gateway import simple_config, wait_until

pytestmark = pytest.mark.integration

FOLLOWING = "pool: {warm: forecast, idle_timeout: 60s}, admission: {limit: {adaptive: {start: forecast}}}"


def test_a_restart_begins_warm_and_with_the_limit_of_this_hour(
    gateway: Gateway, service: Service, tmp_path: Path
) -> None:
    store = ForecastStore(str(tmp_path / "f.db"))
    hour = int(time.time() // 3600)
    with store._connection as connection:
        connection.execute("INSERT INTO services VALUES (1, 'main')")
        rows = [(hour - 72 + one, 60.0 * (14 + one % 5)) for one in range(72)]  # 16 under way
        connection.executemany("INSERT INTO hours VALUES (1, ?, 60, 3600, ?, 50)", rows)
    store.close()
    text = simple_config(service(say(b"ok")).address, workers=2, service=FOLLOWING)
    running = gateway(f"forecast: {{store: {tmp_path}/f.db}}\n" + text)

    def known() -> tuple[int, int, float]:
        status = running.admin("/status")
        found, forecast = status["services"]["main"], status["forecast"]["services"].get("main")
        followed = (forecast or {}).get("followed") or 0.0
        return next(iter(found["endpoints"].values()))["idle"], found["admission"]["limit"], followed

    def is_warm() -> bool:
        idle, limit, followed = known()
        return 0 < followed <= min(idle, limit)

    wait_until(is_warm, 20, "connections are open")
    idle, limit, followed = known()
    assert 16 <= followed < 30 and limit == -(-followed // 1)
    assert followed <= idle <= followed + 2  # rounded up by each of two workers
    assert get(running.port).startswith(b"HTTP/1.1 200")
    assert "fastgw_forecast_followed" in running.admin("/metrics")

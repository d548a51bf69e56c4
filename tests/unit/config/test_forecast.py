"""What the file says of forecasts."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.spec import ForecastSpec
from fastgw.core.settings import AS_FORECAST
from tests.unit.config.files import MINIMAL, problems, read, with_service


def test_without_a_word_nothing_is_forecast(tmp_path: Path) -> None:
    assert read(tmp_path, MINIMAL).forecast is None


def test_the_store_is_beside_the_state_file(tmp_path: Path) -> None:
    text = f"forecast: {{}}\nstate_file: {tmp_path}/edge.state.json\n"
    assert read(tmp_path, MINIMAL + text).forecast == ForecastSpec(f"{tmp_path}/edge.forecast.db", 48)


def test_all_of_it(tmp_path: Path) -> None:
    found = read(tmp_path, MINIMAL + "forecast: {store: f.db, max_services: 7}\n").forecast
    assert found == ForecastSpec(f"{tmp_path}/f.db", 7)


@pytest.mark.parametrize("text", ["max_services: 0", "store: [a]", "stor: a"])
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, MINIMAL + f"forecast: {{{text}}}\n")


FOLLOWING = with_service("pool: {warm: forecast}, admission: {limit: {adaptive: {start: forecast, min: 30}}}")


def test_connections_and_where_a_limit_begins_may_follow_it(tmp_path: Path) -> None:
    (service,) = read(tmp_path, FOLLOWING + "forecast: {}\n").services
    assert service.pool.warm == AS_FORECAST and service.admission is not None
    assert (service.admission.settings.limit, service.admission.settings.is_forecast) == (30, True)
    (other,) = read(tmp_path, with_service("admission: {limit: {adaptive: {start: 40}}}")).services
    assert other.admission is not None
    assert (other.admission.settings.limit, other.admission.settings.is_forecast) == (40, False)


def test_without_a_forecast_nothing_can_follow_it(tmp_path: Path) -> None:
    reason = "there is no forecast to follow: the file needs forecast: {}"
    assert problems(tmp_path, FOLLOWING) == [
        f"6:52: services.a.pool.warm: {reason}",
        f"6:101: services.a.admission.limit.adaptive.start: {reason}",
    ]


def test_another_word_is_none_of_them(tmp_path: Path) -> None:
    found = problems(tmp_path, with_service("pool: {warm: forcast}"))
    assert found == ["6:52: services.a.pool.warm: expected a whole number, got 'forcast'; forecast is possible too"]

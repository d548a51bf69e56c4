"""What the file says of forecasts."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.spec import ForecastSpec
from tests.unit.config.files import MINIMAL, problems, read


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

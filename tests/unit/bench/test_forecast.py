"""The backtest reads series of others, and looks at nothing that comes later."""

from __future__ import annotations

import datetime
import math
import random
from pathlib import Path

import pytest

from bench.forecast import backtest, main, read
from fastgw.policy.forecast import WEEK


def test_both_forms_of_series_are_read(tmp_path: Path) -> None:
    stamps, columns = tmp_path / "a.csv", tmp_path / "b.csv"
    lines = [f"2015-02-26 {hour}:{minute}:00,2" for hour in (10, 11, 12, 13) for minute in (10, 40)]
    stamps.write_text("timestamp,value\n" + "\n".join(lines) + "\n")
    columns.write_text(
        "year,month,day,week_day,hour,requests\n" + "\n".join(f"2015,2,26,3,{h},4" for h in range(10, 14))
    )
    at = int(datetime.datetime(2015, 2, 26, 11, tzinfo=datetime.UTC).timestamp() // 3600)
    assert read(stamps) == read(columns) == {at: 4.0, at + 1: 4.0}


def test_a_series_is_forecast_better_than_by_last_week(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(3)
    values = {
        hour: 50 * (2 + math.sin(hour / 24 * 2 * math.pi)) * math.exp(chance.gauss(0, 0.3)) for hour in range(5 * WEEK)
    }
    result = backtest("made", values, 1)
    assert result.hours == WEEK and result.error < 0.85 * result.last_week and 0.8 <= result.covered <= 1.0
    begin = datetime.datetime(2020, 1, 6, tzinfo=datetime.UTC)
    rows = [f"{begin + datetime.timedelta(hours=hour):%Y-%m-%d %H:%M:%S},{value}" for hour, value in values.items()]
    (tmp_path / "made.csv").write_text("timestamp,value\n" + "\n".join(rows) + "\n")
    monkeypatch.setattr("sys.argv", ["forecast", str(tmp_path), "--weeks", "1"])
    main()
    assert capsys.readouterr().out.splitlines()[-1].startswith("mean ratio 0.")

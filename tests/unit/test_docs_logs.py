"""``docs/logs.md``: its variables are those there are, and its lines are what is written."""

from __future__ import annotations

import re
from pathlib import Path

from fastgw.filters.text_log import COMBINED
from fastgw.filters.variables import OF_LOGS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "logs.md").read_text()


def test_every_variable_of_logs_is_documented() -> None:
    rows = re.findall(r"^\| (`\$\{.*?) \|", PAGE, re.MULTILINE)
    assert {name for cell in rows for name in re.findall(r"\$\{(.*?)\}", cell)} == OF_LOGS


def test_the_line_of_the_page_is_one_of_combined() -> None:
    pattern = b"".join(re.escape(part) if isinstance(part, bytes) else b'([^"]+?)' for part in COMBINED)
    (line,) = re.findall(r"^192\.0\.2\.7 .*$", PAGE, re.MULTILINE)
    found = re.fullmatch(pattern, line.encode())
    assert found is not None and found[5] == b"200"

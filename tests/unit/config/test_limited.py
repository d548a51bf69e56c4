"""Which limits have counters: those in some chain, and one for what is noted."""

from __future__ import annotations

from pathlib import Path

from fastgw.config.limited import limited
from tests.unit.config.files import read
from tests.unit.config.filters.test_token_limit import with_limits


def test_each_limit_in_words(tmp_path: Path) -> None:
    spec = read(tmp_path, with_limits("rate: 100/m, burst: 7", "rate: 2.5/30d, unit: cost, per: [model, user]"))
    assert limited(spec) == [
        ("limit", "100 tokens/m (burst 7) per key"),
        ("limit", "2.5 cost/30d per model and user"),
        ("limit", "noted"),
    ]


def test_one_that_no_chain_names_has_none(tmp_path: Path) -> None:
    text = with_limits("rate: 100/m").replace("filters: [limit, usage]", "filters: [usage]")
    assert limited(read(tmp_path, text)) == []

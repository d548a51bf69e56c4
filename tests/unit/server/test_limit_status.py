"""What ``/status`` tells of limits of models."""

from __future__ import annotations

from fastgw.core import counters as layout
from fastgw.core import limit_counters as rows
from fastgw.server.limit_status import limits_document


def test_each_limit_in_words_with_what_was_counted() -> None:
    block, none = [0] * layout.LIMIT.size, [0] * layout.LIMIT.size
    block[rows.RESERVED], block[rows.CHARGED] = 50, 40
    blocks = {("a", "100 tokens/m per key"): block, ("a", rows.NOTED): none, ("b", rows.NOTED): block}
    assert limits_document("a", blocks) == {
        "limits": {"100 tokens/m per key": {"refused": 0, "too_large": 0, "reserved": 50, "charged": 40, "cut": 0}}
    }
    assert list(limits_document("b", blocks)["limits"]) == ["noted"]
    assert limits_document("c", blocks) == {}

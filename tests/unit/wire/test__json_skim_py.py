"""The plain twin by itself; what both forms have in common is in `test_json_skim.py`."""

from __future__ import annotations

from fastgw.wire._json_skim_py import Skim
from fastgw.wire.json_value import STRING, JsonValue


def test_nothing_is_kept_of_what_was_not_looked_for() -> None:
    skim = Skim((b"model",))
    for _ in range(100):
        skim.feed(b'{"messages":"' if skim._base == 0 else b"x" * 1000)
        assert not skim._parts and len(skim._key) <= 64
    skim.feed(b'","model":"x"}')
    skim.finish()
    assert skim.found == [JsonValue(STRING, 99_023, 99_026, b'"x"')]

"""What a lookup says of itself."""

from __future__ import annotations

from fastgw.adapters.cache_parts import HIT, Lookup
from fastgw.policy.freshness import wish


def test_as_text_it_is_what_came_of_it() -> None:
    lookup = Lookup(lambda *_: None, b"p", 1, wish(lambda _: None), is_authorized=False)
    assert str(lookup) == "bypass"
    lookup.outcome = HIT
    assert str(lookup) == "hit"

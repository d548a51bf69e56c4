"""What a route says of its cache is what tells memories apart, over a reload: plain, equal where it says the same, and able to travel."""

from __future__ import annotations

import pickle

from fastgw.core.cache_settings import CacheSettings

USUAL = CacheSettings(("GET",), 1.0, False, (), 2, 3, 4, 5, 6, 7.0, 8, 0, "zero")


def test_routes_that_say_the_same_are_one() -> None:
    again = pickle.loads(pickle.dumps(USUAL))
    assert {USUAL: "here"}[again] == "here" and again._replace(epoch=1) != USUAL

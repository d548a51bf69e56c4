"""Key sets of a worker: what is told is kept, and what is missed is said, now and then."""

from __future__ import annotations

from fastgw.core.live.news import KeySet
from fastgw.core.settings import KeySetSettings, Url
from fastgw.filters.key_sets import KEY_SETS, NOTHING, WANTED_EVERY, KeySets

ONE = KeySetSettings(Url(True, "a.test", 443, "/"), 300.0, 600.0, 10.0)
TWO = ONE._replace(url=Url(True, "b.test", 443, "/"))
NEWS = KeySet((("a", "{}", ("RS256",)),), 10.0)


def test_what_is_told_is_known_until_nobody_uses_it() -> None:
    sets = KeySets()
    assert sets.of(ONE) is NOTHING and sets.version == 0
    sets.learn({ONE: NEWS, TWO: NEWS})
    sets.retain([TWO])
    assert (sets.of(ONE), sets.of(TWO), sets.version) == (NOTHING, NEWS, 1)


def test_what_is_missed_is_said_once_in_a_while_for_each_set() -> None:
    sets, said = KeySets(), []
    sets.want(ONE, 5.0)  # nobody listens yet
    sets.on_wanted = said.append
    for _ in range(1000):
        sets.want(ONE, 5.0)
    sets.want(TWO, 5.0)
    sets.want(ONE, 5.0 + WANTED_EVERY)
    assert said == [ONE, TWO, ONE]
    sets.retain([TWO])
    sets.want(ONE, 5.0)
    assert said[3:] == [ONE]


def test_a_worker_has_one() -> None:
    assert isinstance(KEY_SETS, KeySets)

"""Which requests are copied."""

from __future__ import annotations

from fastgw.testing.edge import GET
from tests.support.mirrored import MirroredEdge


def test_a_share_is_drawn() -> None:
    edge = MirroredEdge(mirror={"share": 0.1})
    for chance, copied in ((0.0999, 1), (0.1, 1), (0.99, 1), (0.0, 2)):
        edge.chance = chance
        edge.client(GET).lose()
        assert edge.mirrored == copied
    edge.end()


def test_none_is_none() -> None:
    edge = MirroredEdge(mirror={"share": 0.0})
    edge.client(GET)
    assert (edge.mirrored, edge.wants_shadow) == (0, False)
    edge.end()


def test_a_sticky_key_is_copied_always_or_never() -> None:
    edge = MirroredEdge(mirror={"share": 0.5}, route={"sticky": "header:x-user"})
    copied = []
    for user in range(40):
        before = edge.mirrored
        for chance in (0.0, 0.4, 0.9):
            edge.chance = chance
            edge.client(GET[:-2] + b"X-User: %d\r\n\r\n" % user).lose()
        copied.append(edge.mirrored - before)
    assert set(copied) == {0, 3}
    edge.end()


def test_what_is_chosen_has_nothing_to_do_with_the_part_of_a_split() -> None:
    from fastgw.core.mirror.mirror import _SALT
    from fastgw.routing.split import Split

    users = [b"%d" % number for number in range(400)]
    first = [user for user in users if Split.sticky_fraction(user) < 0.5]
    copied = [user for user in first if Split.sticky_fraction(_SALT + user) < 0.5]
    assert 0.3 < len(copied) / len(first) < 0.7

"""Lists of members that come while a configuration is compiled, or waits for its commit."""

from __future__ import annotations

from typing import Any

from fastgw.server.standby import HeardLists


class Taker:
    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.snapshot = self

    def take_lists(self, lists: Any) -> None:
        self.taken.append(dict(lists))


def test_a_list_reaches_what_is_served_and_what_is_prepared() -> None:
    lists, plane, standby = HeardLists(), Taker(), Taker()
    lists.take({}, plane, standby)  # type: ignore[arg-type]
    lists.take({"x": ()}, plane, None)  # type: ignore[arg-type]
    lists.take({"y": ()}, plane, standby)  # type: ignore[arg-type]
    assert plane.taken == [{"x": ()}, {"y": ()}] and standby.taken == [{"y": ()}]


def test_and_what_is_being_compiled_meanwhile() -> None:
    lists, plane, compiled = HeardLists(), Taker(), Taker()
    lists.take({"w": ()}, plane, None)  # type: ignore[arg-type]
    lists.begin()  # what comes knows that already
    lists.take({"x": (1,)}, plane, None)  # type: ignore[dict-item, arg-type]
    lists.take({"x": (2,), "y": ()}, plane, None)  # type: ignore[dict-item, arg-type]
    lists.complete(compiled)  # type: ignore[arg-type]
    assert compiled.taken == [{"x": (2,), "y": ()}]

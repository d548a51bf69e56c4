"""A worker has other shares at once, in what it serves and in what it has prepared."""

from __future__ import annotations

from typing import Any

from fastgw.core.snapshot.snapshot import Snapshot
from fastgw.core.snapshot.versions import Shares
from fastgw.server.messages import Weigh, Weighed
from fastgw.server.weighing import weigh


class Named:
    """A service with versions."""

    def __init__(self, name: str, *versions: str) -> None:
        self.name = name
        self.shares = Shares(versions, [1] + [0] * (len(versions) - 1))


class Holding:
    """What has a configuration."""

    def __init__(self, *versions: Any) -> None:
        self.snapshot = Snapshot(1, {}, versions=versions)


def test_all_that_have_these_versions_follow() -> None:
    now, later = Named("llm", "v1", "v2"), Named("llm", "v2", "v1")
    other, newer = Named("b", "v1", "v2"), Named("llm", "v1", "v3")
    message = Weigh(7, {"llm": {"v1": 0, "v2": 5}})
    assert weigh(message, Holding(now, other), Holding(later), Holding(newer), None) == Weighed(7)
    assert [one.shares.split.choices for one in (now, later, other, newer)] == [["v2"], ["v2"], ["v1"], ["v1"]]

"""Which version of a service a request goes to."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.mirror.mirror import Mirror
from fastgw.core.mirror.shadow import Shadows
from fastgw.core.settings import MirrorSettings, VersionBySettings
from fastgw.core.snapshot.versions import Shares, Versions
from fastgw.policy.balancers import RoundRobin
from fastgw.routing import ByName, Split
from fastgw.routing.pattern import parse_path
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge

SHADOW = 9001  #: port of v2


class VersionedEdge(Edge):
    """v1 is at port 9000, v2 at 9001; half of the requests are for each."""

    def __init__(self, *, header: str | None = None, sticky: str = "", **options: Any) -> None:
        super().__init__(endpoints=2, **options)
        self.v1, self.v2 = (
            usual.service(f"s@v{number + 1}", (one,), RoundRobin()) for number, one in enumerate(self.endpoints)
        )
        self.shares = Shares(("v1", "v2"), (1, 1))
        self.versions = Versions("s", {"v1": self.v1, "v2": self.v2}, self.shares, VersionBySettings(header, sticky))

    def lead(self, **options: Any) -> None:
        """The route leads there."""
        route = usual.route("all", 1, chain=self.route.chain, **options)
        self.install(self.listen(route), self.v1, self.v2)
        self.led = route

    def asked(self, field: bytes = b"", path: bytes = b"/") -> str:
        """The version that is asked for a request with ``field``."""
        known = len(self.attempts)
        client = self.client(GET[:-2].replace(b"/", path, 1) + field + b"\r\n")
        (attempt,) = self.attempts[known:]
        attempt.fail(ConnectionRefusedError("refused"))
        self.run()
        client.lose()
        return "v1" if attempt.target["port"] == 9000 else "v2"


def by_name(versions: Versions) -> ByName[Any]:
    return ByName(parse_path("/{name}"), "name", {"s": versions})


@pytest.mark.parametrize("way", ["service", "split", "by_name"])
def test_chance_leads_to_a_version_by_its_share(way: str) -> None:
    edge = VersionedEdge()
    path = b"/" if way != "by_name" else b"/s"
    target = {"service": edge.versions, "split": Split([(edge.versions, 1)]), "by_name": by_name(edge.versions)}[way]
    edge.lead(**{way: target})
    for chance, version in ((0.0, "v1"), (0.49, "v1"), (0.5, "v2"), (0.99, "v2")):
        edge.chance = chance
        assert edge.asked(path=path) == version
    edge.end()


def test_a_share_changes_in_place() -> None:
    edge = VersionedEdge()
    edge.lead(service=edge.versions)
    edge.chance = 0.3
    assert edge.asked() == "v1"
    edge.shares.replace((1, 9))
    assert edge.asked() == "v2"
    edge.shares.replace((1, 0))
    assert edge.asked() == "v1"
    edge.end()


def test_a_client_names_a_version_only_where_the_file_says_so() -> None:
    edge = VersionedEdge()
    edge.lead(service=edge.versions)
    edge.chance = 0.0
    assert edge.asked(b"X-Model-Version: v2\r\n") == "v1"
    edge.end()


def test_a_named_version_wins_over_shares_even_without_one() -> None:
    edge = VersionedEdge(header="x-model-version", sticky="header:x-user")
    edge.shares.replace((1, 0))
    edge.lead(service=edge.versions)
    assert edge.asked(b"X-Model-Version: v2\r\nX-User: 1\r\n") == "v2"
    for nothing in (b"", b"X-Model-Version: v3\r\n", b"X-Model-Version:\r\n", b"X-Model-Version: v2, v2\r\n"):
        assert edge.asked(nothing) == "v1"
    edge.end()


def test_equal_keys_stay_with_a_version_that_grows() -> None:
    edge = VersionedEdge(sticky="header:x-user")
    edge.lead(service=edge.versions)
    before: set[int] = set()
    for share in (0, 10, 50, 100):
        edge.shares.replace((100 - share, share))
        found = set()
        for user in range(60):
            edge.chance = 0.0 if user % 2 else 0.99
            if edge.asked(b"X-User: %d\r\n" % user) == "v2":
                found.add(user)
        assert before <= found
        before = found
    assert len(before) == 60
    edge.chance = 0.0  # who has no key is drawn
    edge.shares.replace((50, 50))
    assert edge.asked() == "v1"
    edge.end()


def test_keys_of_two_services_have_nothing_to_do_with_each_other() -> None:
    edge = VersionedEdge(sticky="header:x-user")
    other = Versions("t", {"v1": edge.v1, "v2": edge.v2}, edge.shares, VersionBySettings(None, "header:x-user"))

    class Asked:
        class request:
            value = b""

            @classmethod
            def header(cls, _: bytes) -> bytes:
                return cls.value

    same = 0
    for user in range(200):
        Asked.request.value = b"%d" % user
        same += edge.versions.choose(Asked) is other.choose(Asked)
    assert 60 < same < 140
    edge.end()


def test_a_mirror_may_have_versions() -> None:
    edge = VersionedEdge()
    edge.lead(service=edge.service)
    mirror = Mirror("all:mirror", 20, edge.versions, edge.led.settings, MirrorSettings(1.0, 9, 9, "drop"))
    object.__setattr__(edge.led, "mirror", mirror)
    assert {one.name for one in mirror.services} == {"s@v1", "s@v2"}
    assert all(one.settings.retry.attempts == 1 for one in mirror.services)
    edge.shares.replace((0, 1))  # those of the copies too
    edge.chance = 0.0
    edge.client(GET)
    assert [one.target["port"] for one in edge.attempts][-1] == SHADOW
    edge.end()


def shadowed(edge: VersionedEdge) -> Mirror:
    """v2 gets copies of what v1 gets."""
    edge.lead(service=edge.versions)
    mirror = Mirror("all:mirror", 20, edge.v2, edge.led.settings, MirrorSettings(1.0, 9, 9, "drop"))
    object.__setattr__(edge.led, "mirror", Shadows({"s@v1": mirror}))
    return mirror


def test_a_shadow_gets_copies_of_what_other_versions_get() -> None:
    edge = VersionedEdge()
    mirror = shadowed(edge)
    assert [one.name for one in edge.led.services] == ["s@v1", "s@v2", "s@v2"]
    edge.shares.replace((1, 0))
    client = edge.client(GET)
    v1 = edge.connect(port=9000)
    assert b"x-fastgw-mirror" not in v1.take()
    v2 = edge.connect(port=SHADOW)
    assert b"x-fastgw-mirror: true" in v2.take()
    v2.feed(OK)
    assert client.take() == b""
    v1.feed(OK)
    assert client.take()
    assert edge.of_route(counters.ROUTE_MIRRORED) == 1
    assert mirror.in_flight == 0
    edge.end()


def test_what_goes_to_the_shadow_itself_is_not_copied() -> None:
    edge = VersionedEdge()
    shadowed(edge)
    edge.shares.replace((0, 1))
    edge.client(GET)
    edge.connect(port=SHADOW).feed(OK)
    assert edge.of_route(counters.ROUTE_MIRRORED) == 0
    edge.end()

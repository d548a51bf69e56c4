"""What there is beside a place where nobody is listed, by each kind of source."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from fastgw.core.sources import ConsulSettings, DnsSettings, EtcdSettings, FileSettings, KubernetesSettings, RegistryUrl
from fastgw.discovery.etcd_client import EtcdClient, EtcdError, decoded, encoded
from fastgw.discovery.listing import Skipped, SourceError, listing
from fastgw.discovery.nearby import NAMES_MOST, NOTHING, Near, counted, near, near_in_etcd
from tests.support.consul import Consul
from tests.support.etcd_model import EtcdModel
from tests.support.kubernetes import ApiServer, slice_of
from tests.support.nameserver import NameServer, Records, Services

NOBODY = listing([])
SKIPPED = listing([], [Skipped("x", "is no address")])


class Reader(EtcdModel):
    """An etcd whose keys may be read under one prefix only."""

    may_read = b""

    async def ask(self, path: str, message: dict[str, Any], at: int | None = None) -> dict[str, Any]:
        if not decoded(message["key"]).startswith(self.may_read):
            raise EtcdError("denied", "permission denied", 7)
        end = encoded(b"\xff") if decoded(message["range_end"]) == b"\0" else message["range_end"]  # all keys there are
        return await super().ask(path, {**message, "range_end": end}, at)


def beside(prefix: str, *keys: str, found: Any = NOBODY, may_read: bytes = b"") -> Near:
    """What is near ``prefix`` where etcd has these keys."""
    etcd = Reader()
    etcd.may_read = may_read
    for key in keys:
        etcd.put(key.encode(), b"active")
    settings = EtcdSettings((RegistryUrl(False, "127.0.0.1", 1),), prefix)
    return asyncio.run(near_in_etcd(settings, found, cast(EtcdClient, etcd)))


def test_a_prefix_that_is_misspelled_shows_what_is_beside_it() -> None:
    keys = ["/services/text/10.0.0.1:1", "/services/vison/10.0.0.1:1", "/services/vison/10.0.0.2:1", "/services/x"]
    found = beside("/services/vision", *keys)
    assert found == Near("under /services/ there are", ("text/", "vison/", "x"), "vision/")
    assert beside("/service/vision", *keys) == Near("under / there are", ("services/",), "service/")
    assert beside("/a/b", "other") == Near("there are", ("other",), "/")
    assert beside("/services/vision") == Near("there is no key at all")


def test_each_name_costs_one_question_however_many_keys_it_has() -> None:
    keys = [f"/services/{name}/10.0.0.1:{port}" for name in ("a", "b") for port in range(1, 200)]
    assert beside("/services/c", *keys).names == ("a/", "b/")
    assert len(beside("/services/c", *(f"/services/n{number}/x" for number in range(100))).names) == NAMES_MOST


def test_a_prefix_that_is_too_short_shows_the_next_level() -> None:
    found = beside("/services", "/services/vision/10.0.0.1:1", "/services/x", found=SKIPPED)
    assert found == Near("the keys are one level deeper: under /services/ there are", ("vision/",))
    assert beside("/services/vision", "/services/vision/nonsense", found=SKIPPED) == NOTHING


def test_keys_that_are_out_of_rotation_and_those_without_the_first_slash() -> None:
    assert beside("/a/", "/a/10.0.0.1:1").said == "all of 1 key there are out of rotation"
    said = "there are keys under a/, without the first slash, which is another place (2)"
    assert beside("/a", "a/10.0.0.1:1", "a/10.0.0.2:1").said == said


def test_what_may_not_be_read_is_said() -> None:
    found = beside("/services/vision", "/services/vison/1", may_read=b"/services/vision/")
    assert found == Near("what else is under /services/ may not be read by this user")


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await story()

    asyncio.run(bounded())


def test_services_of_consul() -> None:
    async def story() -> None:
        async with Consul() as consul:

            def settings(**more: Any) -> ConsulSettings:
                return ConsulSettings(RegistryUrl(*consul.endpoint), "web", **more)

            consul.register("webs", "webs-1", "10.0.0.1", 80)
            assert await near(settings(), NOBODY) == Near("there are the services", ("consul", "webs"), "web")
            assert await near(settings(), SKIPPED) == NOTHING
            consul.register("web", "web-1", "10.0.0.1", 80, is_passing=False)
            assert (await near(settings(), NOBODY)).said == "it has 1 instance, and none passes all its checks"
            consul.register("web", "web-1", "10.0.0.1", 80, tags=["blue", "new"])
            told = (await near(settings(tags=("green",), filter="x == y"), NOBODY)).said
            assert (
                told
                == "1 instance pass their checks, and none has the tags green and what filter says (x == y); they have the tags blue, new"
            )

    run(story)


def test_a_token_of_consul_that_may_see_nothing() -> None:
    async def story() -> None:
        async with Consul(token="secret") as consul:
            with pytest.raises(SourceError, match="answered 403"):
                await near(ConsulSettings(RegistryUrl(*consul.endpoint), "web"), NOBODY)
            consul.hides = True
            found = await near(ConsulSettings(RegistryUrl(*consul.endpoint), "web", token="secret"), NOBODY)
            assert found.said.startswith("the token may not see it")

    run(story)


def test_names_with_other_records() -> None:
    names: dict[str, Records | Services | str] = {
        "a.test": Records("10.0.0.1"),
        "web.test": Records("10.0.0.2"),
        "_x._tcp.b.test": Services((0, 1, 80, "a.test"), (0, 1, 81, "a.test")),
    }

    async def told(name: str, port: int = 0, family: str = "") -> str:
        return (await near(DnsSettings(name, port, family, (server.address,), timeout=5.0), NOBODY)).said

    async def story() -> None:
        assert await told("a.test") == "it has no SRV records, but the address 10.0.0.1: give port with it"
        assert await told("a.test", 80, "ipv6") == "it has no address of ipv6, but 10.0.0.1"
        assert await told("_x._tcp.b.test", 80) == "it has SRV records, of 2 targets: leave port out"
        said = "web.test has the address 10.0.0.2, and no such SRV records: give name: web.test and port instead"
        assert await told("_http._tcp.web.test") == said
        assert await told("gone.test") == await told("gone.test", 80) == ""

    with NameServer(names) as server:
        run(story)


def test_files_in_the_folder(tmp_path: Path) -> None:
    async def story() -> None:
        missing = FileSettings(str(tmp_path / "vison.yaml"))
        assert await near(missing, NOBODY) == NOTHING
        assert (await near(missing, None)).said == f"{tmp_path} has no files"
        (tmp_path / "vision.yaml").touch()
        (tmp_path / "folder").mkdir()
        assert await near(missing, None) == Near(f"in {tmp_path} there are", ("vision.yaml",), "vison.yaml")
        lost = await near(FileSettings(str(tmp_path / "none" / "a")), None)
        assert lost.said == f"{tmp_path / 'none'} cannot be looked into: No such file or directory"

    run(story)


def test_services_of_kubernetes() -> None:
    async def story() -> None:
        async with ApiServer() as api:

            def settings(service: str) -> KubernetesSettings:
                return KubernetesSettings(service, "shop", endpoint=RegistryUrl(*api.endpoint))

            assert await near(settings("web"), NOBODY) == Near("the namespace shop has none", (), "web")
            api.put("web-1", slice_of())
            assert (await near(settings("web"), NOBODY)).said.startswith("it has no pods")
            api.put("web-1", slice_of("10.0.0.1", "10.0.0.2", ready=False))
            assert (await near(settings("web"), NOBODY)).said == "it has 2 endpoints, and none is ready"
            found = await near(settings("wep"), NOBODY)
            assert found == Near("in the namespace shop there are the Services", ("web",), "wep")
            assert await near(settings("wep"), SKIPPED) == NOTHING
            api.refusal = 403, "forbidden"
            with pytest.raises(SourceError, match="forbidden"):
                await near(settings("wep"), NOBODY)

    run(story)


def test_counted() -> None:
    assert counted(1, "key") == "1 key" and counted(0, "key") == "0 keys"

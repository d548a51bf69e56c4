"""Endpoints of a Service of Kubernetes, of a stand-in that keeps the documented rules."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fastgw.core.sources import KubernetesSettings, RegistryUrl
from fastgw.discovery import kubernetes as module
from fastgw.discovery.kubernetes import BURST, PACES, RELIST, SHORTEST, WATCH, KubernetesSource
from fastgw.discovery.listing import Listing, SourceError
from tests.support.kubernetes import ApiServer, slice_of


class Stage:
    """A source that is watched while the context lasts."""

    def __init__(
        self, api: ApiServer, *, environ: dict[str, str] | None = None, account: str = "", **settings: Any
    ) -> None:
        self.api = api
        self.told: asyncio.Queue[Listing] = asyncio.Queue()
        self.slept: list[float] = []
        self.now = 1000.0
        self.source = KubernetesSource(
            KubernetesSettings(
                **{
                    "service": "web",
                    "namespace": "shop",
                    "endpoint": RegistryUrl(*api.endpoint),
                    "timeout": 5.0,
                    **settings,
                }
            ),
            self._sleep,
            lambda: self.now,
            lambda: 0.0,
            environ or {},
            account or "/nowhere",
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def __aenter__(self) -> Stage:
        self._task = asyncio.ensure_future(self.source.watch(self.told.put_nowait))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def listing(self) -> Listing:
        """The next one that it tells; raises what it raises."""
        following = asyncio.ensure_future(self.told.get())
        async with asyncio.timeout(10):
            await asyncio.wait((following, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not following.done():
            following.cancel()
            await self._task
        return following.result()

    async def addresses(self) -> list[str]:
        return [str(one.address).partition(":")[0] for one in (await self.listing()).members]

    async def watches(self) -> None:
        """Wait until it watches."""
        async with asyncio.timeout(10):
            while not self.api.watching:
                await asyncio.sleep(0)

    async def asks(self, count: int) -> None:
        """Wait until it has asked so often."""
        async with asyncio.timeout(10):
            while len(self.api.queries) < count:
                await asyncio.sleep(0)

    async def fails(self) -> SourceError:
        with pytest.raises(SourceError) as caught:
            await self.listing()
        return caught.value

    @property
    def versions(self) -> list[str]:
        """Where its watches have begun; ``list`` for a list."""
        return [one.get("resourceVersion", "list") for one in self.api.queries]


def test_what_is_listed_and_then_watched() -> None:
    async def story() -> None:
        async with ApiServer() as api:
            api.put("web-1", slice_of("10.0.0.1"))
            async with Stage(api) as stage:
                first = await stage.listing()
                assert [str(one.address) for one in first.members] == ["10.0.0.1:8000"] and first.revision == "101"
                await stage.watches()
                api.put("web-2", slice_of("10.0.0.2"))
                assert await stage.addresses() == ["10.0.0.1", "10.0.0.2"]
                api.put("web-1", slice_of("10.0.0.3", "10.0.0.1"))
                assert await stage.addresses() == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
                api.delete("web-1")
                assert await stage.addresses() == ["10.0.0.2"]
                api.delete("web-2")
                assert await stage.addresses() == []
            assert api.paths == ["/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"] * 2
            assert api.queries == [
                {"labelSelector": "kubernetes.io/service-name=web", "limit": "500"},
                {
                    "labelSelector": "kubernetes.io/service-name=web",
                    "watch": "1",
                    "allowWatchBookmarks": "true",
                    "resourceVersion": "101",
                    "timeoutSeconds": str(round(WATCH)),
                },
            ]

    asyncio.run(story())


def test_a_watch_that_ends_goes_on_where_its_last_message_was() -> None:
    async def story() -> None:
        async with ApiServer() as api, Stage(api) as stage:
            await stage.listing()
            await stage.watches()
            api.put("web-1", slice_of("10.0.0.1"))
            await stage.listing()
            api.bookmark()
            assert (await stage.listing()).revision == "151"
            api.end_watches()
            api.put("web-2", slice_of("10.0.0.2"))  # between two watches, or in one: it is not lost
            while await stage.addresses() != ["10.0.0.1", "10.0.0.2"]:
                pass
            await stage.asks(3)
            assert stage.versions == ["list", "100", "151"]

    asyncio.run(story())


@pytest.mark.parametrize("gone_as", ["status", "event"])
def test_what_is_gone_is_listed_again(gone_as: str) -> None:
    async def story() -> None:
        async with ApiServer() as api, Stage(api) as stage:
            api.gone_as = gone_as
            api.put("web-1", slice_of("10.0.0.1"))
            await stage.listing()
            await stage.watches()
            stage.now += SHORTEST
            api.version += 10
            api.compact()
            api.put("web-2", slice_of("10.0.0.2"))
            while await stage.addresses() != ["10.0.0.1", "10.0.0.2"]:
                pass
            assert stage.versions[:4] == ["list", "101", "101", "list"]

    asyncio.run(story())


def test_lists_are_paced_where_everything_is_always_gone() -> None:
    async def story() -> None:
        async with ApiServer() as api, Stage(api) as stage:
            api._compacted = 10**9  # of lists too, unless they begin
            api._list = lambda query: ApiServer()._list({})  # type: ignore[method-assign]
            for _ in range(6):
                await stage.listing()
            assert stage.slept.count(PACES["list"]) >= 6 - BURST - 1

    asyncio.run(story())


def test_all_is_listed_anew_now_and_then() -> None:
    async def story() -> None:
        async with ApiServer() as api, Stage(api) as stage:
            await stage.listing()
            await stage.watches()
            stage.now += RELIST
            api.end_watches()
            await stage.listing()
            assert stage.versions[2] == "list"

    asyncio.run(story())


def test_a_restored_cluster_is_listed_again_as_soon_as_it_says_something() -> None:
    async def story() -> None:
        async with ApiServer() as api, Stage(api) as stage:
            api.put("web-1", slice_of("10.0.0.1"))
            await stage.listing()
            await stage.watches()
            api.restore(20)
            api.send(b'{"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "21"}}}\n')
            assert (await stage.listing()).revision == "20"
            assert stage.versions[:3] == ["list", "101", "list"]

    asyncio.run(story())


def test_a_list_comes_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        monkeypatch.setattr(module, "PAGE", 2)
        async with ApiServer() as api:
            for number in range(1, 6):
                api.put(f"web-{number}", slice_of(f"10.0.0.{number}"))
            async with Stage(api) as stage:
                assert len(await stage.addresses()) == 5
                await stage.watches()
                assert [one.get("continue") for one in api.queries] == [None, "105 2", "105 4", None]
            monkeypatch.setattr(module, "SLICES_MOST", 4)
            async with Stage(api) as stage:
                assert (await stage.fails()).cause == "too_large"
            answer = api._list

            def compact_then_answer(query: dict[str, str]) -> Any:
                api._compacted = 10**9 if "continue" in query else 0
                return answer(query)

            api._list = compact_then_answer  # type: ignore[method-assign]
            async with Stage(api) as stage:
                error = await stage.fails()
                assert error.cause == "unavailable" and "its rest is gone" in error.detail and stage.told.empty()

    asyncio.run(story())


def test_a_watch_that_ends_at_once_without_a_word_is_a_failure() -> None:
    async def story() -> None:
        async with ApiServer() as api, Stage(api) as stage:
            api.ends_at_once = True
            await stage.listing()
            error = await stage.fails()
            assert error.cause == "broken" and "ended a watch at once" in error.detail

    asyncio.run(story())


@pytest.mark.parametrize(
    ("data", "cause", "said"),
    [
        (b'{"type": "ERROR", "object": {"code": 500, "message": "etcd\\nleft"}}\n', "unavailable", "etcd left"),
        (b'{"type": "ADDED", "object": {"metadata": {}}}\n', "broken", "without a resourceVersion"),
        (b'{"type": "NEWS", "object": {"metadata": {"resourceVersion": "200"}}}\n', "broken", "'NEWS'"),
        (b"[]\n", "broken", "without a resourceVersion"),
        (b"<html>\n", "broken", "no JSON"),
    ],
)
def test_messages_that_are_none(data: bytes, cause: str, said: str) -> None:
    async def story() -> None:
        async with ApiServer() as api, Stage(api) as stage:
            await stage.listing()
            await stage.watches()
            api.send(data)
            error = await stage.fails()
            assert error.cause == cause and said in error.detail

    asyncio.run(story())


def test_a_message_that_is_cut() -> None:
    async def story() -> None:
        async with ApiServer() as api, Stage(api) as stage:
            await stage.listing()
            await stage.watches()
            api.send(b'{"type": "ADDED", "obj')
            api.end_watches()
            assert "in the middle of a message" in (await stage.fails()).detail

    asyncio.run(story())


@pytest.mark.parametrize(
    ("status", "cause"),
    [(401, "denied"), (403, "denied"), (404, "rejected"), (429, "unavailable"), (503, "unavailable")],
)
def test_refusals(status: int, cause: str) -> None:
    async def story() -> None:
        async with ApiServer() as api:
            api.refusal = status, "endpointslices is forbidden"
            async with Stage(api) as stage:
                error = await stage.fails()
                assert error.cause == cause and f"answered {status}: endpointslices is forbidden" in error.detail
                needed = "list and watch endpointslices (discovery.k8s.io) in the namespace shop"
                assert (needed in error.detail) == (cause == "denied")
            api.refusal = None
            async with Stage(api) as stage:
                await stage.listing()
                await stage.watches()
                api.refusal = status, "forbidden"
                stage.now += SHORTEST
                api.end_watches()
                assert (await stage.fails()).cause == cause

    asyncio.run(story())


def test_nobody_is_there() -> None:
    async def story() -> None:
        async with ApiServer() as api:
            pass
        async with Stage(api) as stage:
            assert (await stage.fails()).cause == "refused"

    asyncio.run(story())


def test_the_token_is_read_again(tmp_path: Path) -> None:
    async def story() -> None:
        token = tmp_path / "token"
        token.write_text("first\n")
        async with ApiServer(token="first") as api, Stage(api, token_file=str(token)) as stage:
            await stage.listing()
            await stage.watches()
            token.write_text("second")
            api.token = "second"
            stage.now += SHORTEST
            api.end_watches()
            await stage.asks(3)
            assert api.tokens == ["Bearer first"] * 2 + ["Bearer second"]
        for text in ("", "a b", "é"):
            token.write_text(text)
            async with Stage(api, token_file=str(token)) as stage:
                assert (await stage.fails()).cause == "denied"

    asyncio.run(story())


def test_a_pod_finds_everything_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        for name, text in {"token": "s3cret", "namespace": "mine\n"}.items():
            (tmp_path / name).write_text(text)
        found: list[Any] = []
        real = module.calling

        async with ApiServer(token="s3cret") as api:

            def without_tls(endpoint: tuple[bool, str, int], tls: Any, limit: float) -> Any:
                found.append((endpoint, tls.ca))
                return real(api.endpoint, tls._replace(ca=""), limit)

            monkeypatch.setattr(module, "calling", without_tls)
            environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
            stage = Stage(api, environ=environ, account=str(tmp_path), namespace="", endpoint=RegistryUrl(True, "", 0))
            assert str(stage.source) == "kubernetes (own namespace)/web"
            async with stage:
                await stage.listing()
            assert found == [((True, "fd00::1", 443), f"{tmp_path}/ca.crt")]
            assert api.paths[0].split("/")[5] == "mine" and api.tokens[0] == "Bearer s3cret"
            assert str(stage.source) == "kubernetes mine/web"
            (tmp_path / "token").unlink()
            async with Stage(
                api, environ=environ, account=str(tmp_path), namespace="", endpoint=RegistryUrl(True, "", 0)
            ) as stage:
                assert "is automountServiceAccountToken on?" in (await stage.fails()).detail
            async with Stage(api, account=str(tmp_path), endpoint=RegistryUrl(True, "", 0)) as stage:
                assert (await stage.fails()).cause == "unresolved"

    asyncio.run(story())


def test_what_it_is_called() -> None:
    source = KubernetesSource(KubernetesSettings("web", "shop", endpoint=RegistryUrl(True, "api.test", 6443)))
    assert str(source) == "kubernetes at api.test:6443 shop/web"

"""Reading how busy engines are: what is told, when it ends, and what the operator learns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.spec import ServiceSpec
from fastgw.policy.engines import GOOD_FOR, Load
from fastgw.server.engines import Engines
from fastgw.server.log import Log
from tests.support.certificates import Authority
from tests.support.upstream import UpstreamServer, canned, response
from tests.unit.config.files import read, with_service

VLLM = b"vllm:num_requests_running 3\nvllm:num_requests_waiting 1\nvllm:kv_cache_usage_perc 0.25\n"


class Stage:
    """Engines, whose time and places the test plays."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[tuple[str, Any]] = []
        self.places: list[str] = []
        self.engines = Engines(
            lambda service, news: self.told.append((service, news)),
            lambda: {("a", place): (place,) for place in self.places} | {("other", "x:1"): ("x:1",)},
            Log("supervisor"),
            lambda: 0.0,
            lambda: self.now,
        )

    def look(self, service: ServiceSpec, *places: str) -> dict[str, tuple[Load, float]]:
        """Look once; what is told."""
        self.places = [*places]

        async def look() -> None:
            await self.engines.look(service)
            self.engines.close()
            for looked in self.engines._known.values():
                looked.caller = None  # of a loop that is over

        asyncio.run(look())
        (name, news) = self.told[-1]
        assert name == "a"
        return news  # type: ignore[no-any-return]


def spec(folder: Path, keys: str = "engine: {timeout: 400ms}", more: str = "") -> ServiceSpec:
    return read(folder, with_service(f"balance: engine, {keys}{more}")).services[0]


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_what_all_say_is_told_and_good_for_a_while(
    tmp_path: Path, service: Callable[..., UpstreamServer], capfd: pytest.CaptureFixture[str]
) -> None:
    busy, idle = service(canned(response(VLLM))), service(canned(response(b"tgi_queue_size 0\n")))
    stage = Stage()
    told = stage.look(spec(tmp_path), busy.address, idle.address)
    until = stage.now + GOOD_FOR * 1.0
    assert told == {busy.address: (Load("vllm", 3, 1, 0.25), until), idle.address: (Load("tgi"), until)}
    assert stage.engines.document("a")[busy.address] == {
        "state": "good",
        "kind": "vllm",
        "running": 3,
        "waiting": 1,
        "usage": 0.25,
        "cause": None,
        "detail": None,
    }

    assert lines(capfd) == []


@pytest.mark.parametrize(
    ("page", "cause", "detail"),
    [
        (response(b"<html>"), "content", "none of the metrics of any engine"),
        (response(b"vllm:num_requests_running NaN\n"), "content", "is NaN, which is no number"),
        (response(b"no", status="503 Service Unavailable"), "status", "answered 503"),
        (b"garbage\r\n\r\n", "broken", "is no HTTP"),
        (None, "refused", "refused the connection"),
    ],
)
def test_what_says_nothing_is_stale_and_said_once(
    tmp_path: Path,
    service: Callable[..., UpstreamServer],
    capfd: pytest.CaptureFixture[str],
    page: bytes | None,
    cause: str,
    detail: str,
) -> None:
    if page is None:
        address = "127.0.0.1:1"
    else:
        address = service(canned(page)).address
    stage = Stage()
    for _ in range(2):
        assert stage.look(spec(tmp_path), address) == {}
    (line,) = lines(capfd)
    assert (line["event"], line["cause"], line["address"]) == (
        "an engine does not say how busy it is",
        cause,
        address,
    )
    known = stage.engines.document("a")[address]
    assert known["state"] == "stale" and known["cause"] == cause and detail in known["detail"], known


def test_what_was_read_ends_and_comes_back(
    tmp_path: Path, service: Callable[..., UpstreamServer], capfd: pytest.CaptureFixture[str]
) -> None:
    pages = [response(VLLM), response(b"no"), response(b"no"), response(VLLM)]

    def script(*args: Any) -> None:
        canned(pages.pop(0))(*args)

    server = service(script)
    stage = Stage()
    first = stage.look(spec(tmp_path), server.address)
    stage.now += 1.0
    assert stage.look(spec(tmp_path), server.address) == first  # it is still good
    stage.now += 2.0
    assert stage.look(spec(tmp_path), server.address) == {}
    assert stage.engines.document("a")[server.address]["state"] == "stale"
    assert stage.look(spec(tmp_path), server.address)[server.address][1] == stage.now + 3.0
    events = [line["event"] for line in lines(capfd)]
    assert events == ["an engine does not say how busy it is", "an engine says how busy it is again"]


def test_who_is_no_member_any_more_is_forgotten(tmp_path: Path, service: Callable[..., UpstreamServer]) -> None:
    server, stage = service(canned(response(VLLM))), Stage()
    stage.look(spec(tmp_path), server.address, "127.0.0.1:1")
    assert set(stage.look(spec(tmp_path), server.address)) == {server.address} == set(stage.engines.document("a"))


def test_the_page_may_be_at_another_port(tmp_path: Path, service: Callable[..., UpstreamServer]) -> None:
    plain = service(canned(response(b"nv_inference_pending_request_count 2\n")))
    stage, port = Stage(), plain.address.rpartition(":")[2]
    told = stage.look(spec(tmp_path, f"engine: {{kind: triton, port: {port}}}"), "127.0.0.1:9")
    assert told["127.0.0.1:9"][0] == Load("triton", 0, 2)


def test_another_configuration_reads_the_files_of_tls_anew(tmp_path: Path) -> None:
    authority, stage = Authority(tmp_path / "a"), Stage()
    whole = read(tmp_path, with_service(f"balance: engine, tls: {{ca: {authority.ca}}}"))
    (one,) = whole.services

    async def play() -> None:
        async def asked_by() -> Any:
            await stage.engines.look(one)
            return stage.engines._known["a", "127.0.0.1:1"].caller

        stage.places = ["127.0.0.1:1"]
        stage.engines._spec = whole
        first = await asked_by()
        assert await asked_by() is first is not None
        stage.engines._spec = whole._replace()  # an equal one: a reload because of the file
        assert await asked_by() is not first
        stage.engines.close()

    asyncio.run(play())


def test_services_are_looked_at_while_they_are_in_use(tmp_path: Path) -> None:
    stage = Stage()

    async def play() -> None:
        with_engine = read(tmp_path, with_service("balance: engine"))
        stage.engines.keep(with_engine)
        for _ in range(20):
            await asyncio.sleep(0)
        assert stage.told == [("a", {})]
        (task,) = stage.engines._tasks.values()
        stage.engines.keep(with_engine)
        assert [*stage.engines._tasks.values()] == [task]
        stage.engines.keep(read(tmp_path, with_service("balance: random")))
        assert stage.engines._tasks == {}
        await asyncio.sleep(0)
        assert task.cancelled()
        stage.engines.close()

    asyncio.run(play())


def test_what_fails_in_no_way_that_is_known_fails_for_one_member_only(
    tmp_path: Path, service: Callable[..., UpstreamServer], capfd: pytest.CaptureFixture[str]
) -> None:
    good = service(canned(response(VLLM)))
    stage = Stage()
    told = stage.look(spec(tmp_path), "no port", good.address)
    assert [*told] == [good.address]
    assert stage.engines.document("a")["no port"]["cause"] == "failed"
    assert "ValueError" in lines(capfd)[0]["detail"]

"""Probes: who is asked, what is good, and what the workers and the log are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from fastgw.config.spec import HealthSpec
from fastgw.core.calls import CallError
from fastgw.core.live.news import HEALTH, Finding
from fastgw.core.settings import Address
from fastgw.server.log import Log
from fastgw.server.probing import ProbeTarget, Probing, probe
from tests.support.certificates import Authority
from tests.support.interop import TEST, serving
from tests.support.ports import free_port
from tests.support.upstream import UpstreamServer, canned, response
from tests.unit.config.files import read, with_service

SETTINGS = HealthSpec("http", "/ok", "", (("x-a", "b"),), ((200, 299),), "fine", 0.5, 0.01, 1, 2)
NAME = ("a", "127.0.0.1:1", "127.0.0.1:1")


def asked(port: int, settings: HealthSpec = SETTINGS) -> tuple[str, str]:
    """Cause and words; empty: it is well."""
    target = ProbeTarget(settings, Address("127.0.0.1", port), "", f"127.0.0.1:{port}", None)
    try:
        asyncio.run(probe(target))
    except CallError as error:
        return error.cause, str(error)
    return "", ""


def test_what_is_good(service: Callable[..., UpstreamServer]) -> None:
    one = service(canned(response(b"all is fine")))
    assert asked(one.port) == ("", "")
    sent = one.requests[0].head.lower()
    assert sent.startswith(b"get /ok http/1.1") and b"x-a: b" in sent and b"host: 127.0.0.1:%d" % one.port in sent
    assert asked(one.port, SETTINGS._replace(type="tcp")) == ("", "")


@pytest.mark.parametrize(
    ("answer", "cause", "words"),
    [
        (response(b"fine", status=500), "status", "it answered 500: 'fine'"),
        (response(b"ill"), "body", "'fine' is not in what it answered: 'ill'"),
        (b"SSH-2.0-OpenSSH\r\n", "broken", "'SSH-2.0-OpenSSH"),
    ],
)
def test_what_is_bad_says_what_came(
    service: Callable[..., UpstreamServer], answer: bytes, cause: str, words: str
) -> None:
    found = asked(service(canned(answer)).port)
    assert found[0] == cause and words in found[1]


def test_nobody_is_there() -> None:
    for kind in ("http", "tcp"):
        assert asked(free_port(), SETTINGS._replace(type=kind))[0] == "refused"


def test_a_server_of_grpc_is_asked_by_its_own_protocol() -> None:
    by_grpc = SETTINGS._replace(type="grpc", timeout=2.0)
    with serving() as port:
        assert asked(port, by_grpc) == ("", "")
        assert asked(port, by_grpc._replace(service=TEST)) == ("", "")
        cause, words = asked(port, by_grpc._replace(service="a.Other"))
        assert cause == "unknown_service" and "does not know the service 'a.Other'" in words
        cause, words = asked(port)  # it speaks no HTTP/1.1
        assert cause == "broken"


def test_one_without_health_says_so_and_one_that_is_ill_too() -> None:
    def check(request: bytes, context: Any) -> bytes:
        return {b"": b"\x08\x02", b"\n\x01a": b"\x08\x09", b"\n\x01b": b"\xff"}[request]

    by_grpc = SETTINGS._replace(type="grpc", timeout=2.0)
    server = grpc.server(ThreadPoolExecutor(1), options=(("grpc.so_reuseport", 0),))
    port = server.add_insecure_port("127.0.0.1:0")
    handlers = {"Check": grpc.unary_unary_rpc_method_handler(check)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers),))
    server.start()
    with serving_nothing() as nothing:
        cause, words = asked(nothing, by_grpc)
    assert cause == "unimplemented" and words.startswith("it has no service grpc.health.v1.Health")
    assert asked(port, by_grpc) == ("status", "it says of the server: NOT_SERVING")
    assert asked(port, by_grpc._replace(service="a")) == ("status", "it says of the service 'a': 9")
    assert asked(port, by_grpc._replace(service="b"))[0] == "broken"
    server.stop(None).wait()
    assert asked(port, by_grpc)[0] == "refused"


@contextmanager
def serving_nothing() -> Iterator[int]:
    """A server of gRPC without a service."""
    server = grpc.server(ThreadPoolExecutor(1), options=(("grpc.so_reuseport", 0),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


class Stage:
    """Probes whose outcome a test decides."""

    def __init__(self, tmp_path: Any, more: str = "") -> None:
        self.bad = ""
        self.told: list[Finding] = []
        self.asked = asyncio.Event()
        text = with_service(f"health: {{}}{more}").replace("127.0.0.1:9000", "127.0.0.1:1")
        self.spec = read(tmp_path, text)
        (found,) = self.spec.services
        assert found.health is not None
        self.spec = self.spec._replace(services=(found._replace(health=found.health._replace(interval=0.01)),))
        self.probing = Probing(self.told.extend, Log("supervisor"), lambda: 0.0, self.ask)

    async def ask(self, target: ProbeTarget) -> None:
        self.asked.set()
        if self.bad:
            raise CallError("status", self.bad)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.told) < count:
                self.asked.clear()
                await self.asked.wait()
                await asyncio.sleep(0)


def test_changes_are_told_and_a_reload_keeps_what_is_known(tmp_path: Any, capfd: Any) -> None:
    async def story() -> None:
        stage = Stage(tmp_path)
        stage.probing.keep(stage.spec, {})
        [name] = stage.probing.known
        assert stage.told[0] == Finding(*name, False, 0.0, "unknown", "no probe of it is over", HEALTH)
        await stage.until(2)
        assert stage.told[1] == Finding(*name, True, kind=HEALTH)
        stage.bad = "it answered 500"
        await stage.until(3)
        assert stage.told[2] == Finding(*name, False, 0.0, "status", "it answered 500", HEALTH)
        stage.probing.keep(stage.spec, {})
        assert stage.told[3].reason == "it answered 500"  # and not as if nobody knew
        found = stage.probing.of(name, 1e9)
        assert found is not None and (found["state"], found["cause"]) == ("unhealthy", "status")
        stage.bad = ""
        await stage.until(5)
        assert stage.told[4].is_up
        stage.probing.keep(stage.spec._replace(services=()), {})
        assert stage.told[-1].is_up and not stage.probing.known
        stage.probing.close()

    asyncio.run(story())
    log = capfd.readouterr().err
    assert log.count('"an endpoint is unhealthy"') == 1 and log.count('"an endpoint is healthy again"') == 1
    assert "no endpoint of a service is healthy, so all are asked" in log


def test_another_configuration_reads_the_files_of_tls_anew_and_another_answer_does_not(tmp_path: Path) -> None:
    async def story() -> None:
        authority = Authority(tmp_path / "a")
        stage = Stage(tmp_path, f", tls: {{ca: {authority.ca}}}")

        def trusted() -> list[str]:
            stage.probing.keep(stage.spec, {})
            (one,) = stage.probing.known.values()
            assert one.target.context is not None
            return [
                dict(part[0] for part in found["subject"])["commonName"] for found in one.target.context.get_ca_certs()
            ]

        assert trusted() == ["test authority"]
        (before,) = stage.probing.known.values()
        task = before.task
        Path(authority.ca).write_bytes(Path(Authority(tmp_path / "b", "another").ca).read_bytes())
        assert trusted() == ["test authority"]
        stage.spec = stage.spec._replace()  # an equal one: a reload because of the file
        assert trusted() == ["another"]
        assert before.task is task  # nobody is probed sooner for that
        stage.probing.close()

    asyncio.run(story())


def test_fields_may_have_any_characters(service: Callable[..., UpstreamServer]) -> None:
    one = service(canned(response(b"fine")))
    assert asked(one.port, SETTINGS._replace(headers=(("x-a", "\u20ac"),))) == ("", "")


def test_whatever_fails_a_member_is_probed_again(tmp_path: Any) -> None:
    async def story() -> None:
        stage = Stage(tmp_path)
        found = 0

        async def broken(_: ProbeTarget) -> None:
            nonlocal found
            found += 1
            stage.asked.set()
            if found < 3:
                raise ValueError("what nobody has thought of")

        stage.probing._ask = broken
        stage.probing.keep(stage.spec, {})
        await stage.until(3)
        assert [one.is_up for one in stage.told] == [False, False, True]
        assert stage.told[1].cause == "failed" and "nobody has thought of" in stage.told[1].reason
        stage.probing.close()

    asyncio.run(story())

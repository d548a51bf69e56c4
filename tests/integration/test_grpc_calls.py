"""Calls of grpcio through a real gateway to servers of grpcio: routes, time, retries, health, bounds, and every way to end."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tests.support.gateway import GatewayProcess, wait_until
from tests.support.ports import free_port
from tests.support.upstream import UpstreamServer, canned, response

pytestmark = pytest.mark.integration

CONFIG = """
listeners: [{{name: edge, address: "127.0.0.1:$port", protocols: [h2, http/1.1]}}]
admin: {{address: "127.0.0.1:$admin"}}
workers: 1
chain: [log]
routes:
  - {{name: calls, grpc: {{service: t.T, count_messages: true, max_response_message: 50KiB}}, service: good, timeout: 20s}}
  - {{name: slow, grpc: {{service: t.T, method: Wait}}, service: good, timeout: 600ms}}
  - {{name: again, grpc: {{service: t.Again}}, service: both}}
  - {{name: well, grpc: {{service: t.Well}}, service: probed}}
  - {{name: page, grpc: {{service: t.Page}}, service: page}}
  - {{name: nobody, grpc: {{service: t.Nobody}}, service: nobody}}
services:
  good: {{endpoints: ["127.0.0.1:{good}"], protocol: h2}}
  both:
    endpoints: ["127.0.0.1:{ill}", "127.0.0.1:{good}"]
    protocol: h2
    balance: round_robin
    retry: {{methods: [POST], grpc_statuses: [UNAVAILABLE], budget: off}}
  probed:
    endpoints: ["127.0.0.1:{ill}", "127.0.0.1:{good}"]
    protocol: h2
    health: {{type: grpc, service: t.Well, interval: 100ms}}
  page: {{endpoints: ["127.0.0.1:{page}"]}}
  nobody: {{endpoints: ["127.0.0.1:{nobody}"], protocol: h2}}
filters:
  log: {{type: access_log, path: {log}}}
"""


class Server:
    """One of grpcio, which speaks bytes; ``is_ill``: it has no time for anybody."""

    def __init__(self, *, is_ill: bool) -> None:
        self.is_ill = is_ill
        self.calls = 0
        self.over = threading.Event()  #: a call that waited was cancelled

    def echo(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.calls += 1
        if self.is_ill:
            context.abort(grpc.StatusCode.UNAVAILABLE, "ill\nü")
        return request * 1000 if request.startswith(b"big") else request

    def left(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        return b"%f" % (context.time_remaining() or 0)

    def wait(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        context.add_callback(self.over.set)
        self.over.wait(10)
        return b""

    def chat(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        for one in requests:
            yield one
            if one == b"bad":
                context.abort(grpc.StatusCode.DATA_LOSS, "lost")

    @contextmanager
    def run(self) -> Iterator[int]:
        """Serve, and return the port."""
        server = grpc.server(ThreadPoolExecutor(8), options=(("grpc.so_reuseport", 0),))
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
        methods = {
            "Echo": unary(self.echo),
            "Left": unary(self.left),
            "Wait": unary(self.wait),
            "Chat": stream(self.chat),
        }
        for name in ("t.T", "t.Again", "t.Well"):
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
        state = health.HealthServicer()
        told = health_pb2.HealthCheckResponse
        state.set("t.Well", told.NOT_SERVING if self.is_ill else told.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(state, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield port
        finally:
            self.over.set()
            server.stop(None).wait()


def failed(call: Callable[[], Any]) -> tuple[str, str]:
    """Code and message of a call that ends so."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code().name, caught.value.details()


def test_calls_of_every_kind_and_every_end(
    gateway: Callable[..., GatewayProcess], service: Callable[..., UpstreamServer], tmp_path: Any
) -> None:
    good, ill = Server(is_ill=False), Server(is_ill=True)
    page = service(canned(response(b"<p>busy</p>", status="503 Busy", fields=[("Content-Type", "text/html")])))
    with good.run() as good_port, ill.run() as ill_port:
        text = CONFIG.format(good=good_port, ill=ill_port, page=page.port, nobody=free_port(), log=tmp_path / "log")
        running = gateway(text)
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
        with grpc.insecure_channel(f"127.0.0.1:{running.port}", options=options) as channel:
            echo, again, well = (channel.unary_unary(f"/{name}/Echo") for name in ("t.T", "t.Again", "t.Well"))
            # one by one, and streams
            assert echo(b"one", timeout=10) == b"one"
            chat = channel.stream_stream("/t.T/Chat")
            assert list(chat(iter([b"%d" % one for one in range(20)]), timeout=10)) == [
                b"%d" % one for one in range(20)
            ]
            lost = chat(iter([b"a", b"bad", b"b"]), timeout=10)
            assert (next(lost), next(lost)) == (b"a", b"bad")
            assert failed(lambda: next(lost)) == ("DATA_LOSS", "lost")
            # time
            left = channel.unary_unary("/t.T/Left")
            assert 15 < float(left(b"")) < 20
            assert 4 < float(left(b"", timeout=5)) < 5.2  # grpcio rounds up what it says
            assert (
                failed(lambda: channel.unary_unary("/t.T/Wait")(b""))[0] == "DEADLINE_EXCEEDED"
            )  # whoever said it first
            assert good.over.wait(5)
            # bounds, and what nobody serves
            code, words = failed(lambda: echo(b"big" * 20, timeout=10))
            assert code == "RESOURCE_EXHAUSTED" and words.startswith("grpc_answer_too_large: ")
            assert failed(lambda: channel.unary_unary("/t.T/Nothing")(b""))[0] == "UNIMPLEMENTED"
            assert failed(lambda: channel.unary_unary("/t.Other/Echo")(b"")) == (
                "UNIMPLEMENTED", "no_route: no route matches this request",
            )  # fmt: skip
            assert failed(lambda: channel.unary_unary("/t.Nobody/Echo")(b""))[0] == "UNAVAILABLE"
            code, words = failed(lambda: channel.unary_unary("/t.Page/Echo")(b""))
            assert code == "UNAVAILABLE" and words.endswith(
                "answered 503 and text/html to a call of gRPC: '<p>busy</p>'"
            )
            # who is ill is asked, and another in its place; or is not asked
            assert [again(b"x", timeout=10) for _ in range(6)] == [b"x"] * 6
            assert ill.calls >= 2
            wait_until(lambda: "an endpoint is unhealthy" in running.read_log(), what="the probe")
            before = ill.calls
            assert [well(b"x", timeout=10) for _ in range(6)] == [b"x"] * 6 and ill.calls == before
        routes = running.admin("/status")["routes"]
        assert routes["calls"]["grpc"]["OK"] == 4 and routes["slow"]["grpc"] == {"DEADLINE_EXCEEDED": 1}
        assert routes["calls"]["grpc"]["DATA_LOSS"] == routes["calls"]["grpc"]["RESOURCE_EXHAUSTED"] == 1
        services = running.admin("/status")["services"]
        assert services["probed"]["endpoints"][f"127.0.0.1:{ill_port}"]["health"]["state"] == "unhealthy"
        running.stop()
        lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
        assert {line["grpc_status"] for line in lines if line["route"] == "calls"} == {0, 8, 12, 15}

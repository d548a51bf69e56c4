"""A real Prometheus scrapes a real gateway: its sums are those of the clients, and every query that is shipped has an answer."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.processes import REQUEST, connect, reload, workers
from tests.support.certificates import Authority
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.nameserver import FAILS, NameServer
from tests.support.ports import free_port
from tests.support.prometheus import DEPLOYED, PrometheusServer
from tests.support.upstream import Connection, Received, UpstreamServer, response

pytestmark = [pytest.mark.integration, pytest.mark.needs("prometheus", "promtool")]

CONFIG = """
workers: 2
admin: {address: "127.0.0.1:$admin"}
resolver: {servers: ["NAMES"], min_interval: 100ms, max_interval: 100ms}
listeners:
  - {name: edge, address: "127.0.0.1:$port"}
  - {name: secure, address: "127.0.0.1:TLS", tls: {certificates: [{cert: "CERT", key: "KEY"}]}}
routes:
  - {name: main, path: "/main/*", service: main}
  - {name: dead, path: /dead, service: dead}
  - {name: broken, path: /broken, service: broken}
  - {name: narrow, path: /narrow, service: narrow}
  - {name: busy, path: /busy, service: busy}
  - {name: lost, path: /lost, service: lost}
  - {name: models, path: "/v1/*", models: true, filters: [limit, usage]}
  - {name: calls, grpc: {service: demo.Words}, service: dead}
models: {small: {service: main}, silent: {service: main}}
filters:
  usage: {type: usage}
  limit: {type: token_limit, limits: [{rate: 10/m, unit: requests, per: filter}, {rate: 100000/m, per: model}]}
services:
  main:
    endpoints: ["MAIN"]
    discovery: {file: {path: LISTED}}
    health: {path: /main/200, interval: 200ms}
    panic_below: 10%
  dead: {endpoints: ["127.0.0.1:NOBODY"], ejection: {after: 1}}
  broken: {endpoints: ["MAIN"], breaker: {minimum: 2, scope: service, base: 60s, max: 60s}}
  narrow: {endpoints: ["HELD"], pool: {max_connections: 1, max_pending: 1}}
  busy: {endpoints: ["HELD"], admission: {limit: 1}}
  lost: {endpoints: ["lost.test:80"]}
"""


class Observed:
    """A gateway in whose services much is wrong, and the Prometheus that looks at it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.is_free = threading.Event()
        main, held = UpstreamServer(by_path), UpstreamServer(self.hold)
        names = stack.enter_context(NameServer({"lost.test": FAILS}))
        cert, key = Authority(folder).pair("edge", "edge.test", days=10)
        values = {"MAIN": main.address, "HELD": held.address, "NAMES": names.address, "CERT": cert, "KEY": key}
        text = CONFIG
        listed = folder / "members.yaml"
        listed.write_text(f"- {main.address}\n- nobody\n")
        values["LISTED"] = str(listed)
        self.tls_port = free_port()
        self.waiting: list[socket.socket] = []  #: clients of ``hold``
        for name, value in {**values, "TLS": self.tls_port, "NOBODY": free_port()}.items():
            text = text.replace(name, str(value))
        self.text = text
        self.gateway = GatewayProcess(text, folder / "gateway")
        self.prometheus = PrometheusServer(f"127.0.0.1:{self.gateway.admin_port}")
        for end in (main.stop, held.stop, self.prometheus.close, self.gateway.stop, self.is_free.set):
            stack.callback(end)
        stack.callback(lambda: [sock.close() for sock in self.waiting])
        self.gateway.wait_ready()

    def hold(self, request: Received, connection: Connection) -> None:
        connection.wait(self.is_free)
        connection.send(response())


STREAM = b"""data: {"choices": [{"delta": {"content": "a"}}], "model": "small"}

data: {"choices": [{"delta": {"content": "b"}}], "model": "small"}

"""
USAGE = b"""data: {"choices": [], "model": "small", "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}

"""


def by_path(request: Received, connection: Connection) -> None:
    """Answer with the status that the path ends in; for a model with a stream."""
    if request.target.startswith(b"/v1/"):
        said = STREAM + (b"" if b"silent" in request.body else USAGE) + b"data: [DONE]\n\n"
        connection.send(response(said, fields=[("content-type", "text/event-stream")]))
        return
    status = request.target.rpartition(b"/")[2].decode()
    connection.send(
        response(b"" if request.method == b"HEAD" else b"hi", status=f"{status if status.isdigit() else 500} Said")
    )


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    with ExitStack() as stack:
        yield Observed(tmp_path_factory.mktemp("observed"), stack)


class Load:
    """Clients on kept connections, who count what they get."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.classes: Counter[str] = Counter()
        self.count = 0

    def run(self, count: int) -> None:
        """So many requests over four new connections, one after the other."""
        clients = [http.client.HTTPConnection("127.0.0.1", self._port, timeout=10) for _ in range(4)]
        for number in range(count):
            client = clients[number % 4]
            status = (200, 200, 404, 503, 204)[number % 5]
            client.request(
                "POST" if number % 3 == 0 else "GET", f"/main/{status}", b"x" * 10 if number % 3 == 0 else None
            )
            answer = client.getresponse()
            answer.read()
            assert answer.status == status
            self.count += 1
            self.classes[f"{status // 100}xx"] += 1
        for client in clients:
            client.close()


class TestSums:
    def test_they_are_those_of_the_clients_over_a_death_and_a_reload(self, observed: Observed) -> None:
        running, prometheus = observed.gateway, observed.prometheus
        prometheus.ready()
        load = Load(running.port)
        load.run(100)
        pid = workers(running)[0]["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: all(one["state"] == "ready" and one["pid"] != pid for one in workers(running)))
        load.run(100)
        reload(running, observed.text + '  another: {endpoints: ["127.0.0.1:1"]}\n')
        assert running.generation() == 2
        load.run(100)
        counted = 'http_server_request_duration_seconds_count{http_route="main"}'
        wait_until(lambda: prometheus.number(counted) >= load.count, 15, "everything is scraped")
        assert prometheus.number(counted) == load.count == 300
        found = {
            one["status_class"]: value for one, value in prometheus.ask('fastgw_responses_total{route="main"}') if value
        }
        assert found == load.classes
        for name in ("fastgw_requests_started_total", "fastgw_requests_finished_total"):
            assert prometheus.number(f'{name}{{route="main"}}') == load.count
        methods = {
            one["http_request_method"]: value
            for one, value in prometheus.ask('fastgw_requests_by_method_total{route="main"}')
        }
        assert methods == {"POST": 102, "GET": 198}
        errors = {
            one["http_response_status_code"]: value
            for one, value in prometheus.ask('fastgw_error_responses_total{route="main"}')
        }
        assert errors == {"404": 60, "503": 60}
        assert prometheus.number('fastgw_endpoint_first_byte_seconds_count{service="main"}') == load.count
        opened = prometheus.number('fastgw_endpoint_connects_total{service="main"}')
        assert prometheus.number('fastgw_endpoint_connect_seconds_count{service="main"}') == opened > 0
        accepted = prometheus.number("fastgw_downstream_connections_total")
        assert prometheus.number("sum(fastgw_worker_connections_total)") == accepted >= 12
        assert {one["worker"] for one, _ in prometheus.ask("process_cpu_seconds_total > 0")} == {"supervisor", "0", "1"}
        assert prometheus.number('sum(fastgw_service_first_byte_seconds_count{service="main"})') == load.count
        assert prometheus.number('fastgw_request_body_bytes_total{route="main"}') == 10 * 102
        assert prometheus.number("sum(fastgw_worker_restarts_total)") == 1


class TestAlerts:
    #: What a slow machine may tell of itself.
    SLOWNESS = frozenset(
        (
            *("FastgwLoopLate", "FastgwWorkerStalled", "FastgwServiceSlow"),
            "FastgwUsageEstimated",  # of the stream that breaks off: a fifth of all tokens, or not, by when it is scraped
        )
    )
    #: Not seen here: what makes each of them happen is a test of its own, and fastgw.rules.test.yml has the rule itself.
    UNSEEN = frozenset(
        (
            *(
                "FastgwDown",
                "FastgwWorkerCrashLoop",
                "FastgwWorkerStalled",
                "FastgwLoopLate",
                "FastgwEndpointUnhealthy",
            ),
            *("FastgwDescriptorsExhausted", "FastgwConnectionsRefused", "FastgwLogLinesLost", "FastgwBoardFull"),
            *(
                "FastgwFilterFails",
                "FastgwRedisDown",
                "FastgwDiscoveryFails",
                "FastgwRegistrationFails",
                "FastgwFleetBehind",
                "FastgwFleetUncoordinated",
                "FastgwKeysMissing",
                "FastgwDependencyFails",
                "FastgwCutOff",
                "FastgwServiceSlow",
                "FastgwServicePanic",
                "FastgwUsageEstimated",
            ),
            "FastgwEndpointSlow",
        )
    )

    def test_each_cause_makes_the_alert_that_names_it(self, observed: Observed) -> None:
        prometheus = observed.prometheus
        prometheus.ready()
        make_trouble(observed)
        expected = {rule["alert"] for rule in rules() if "alert" in rule} - self.UNSEEN
        with contextlib.suppress(AssertionError):
            wait_until(lambda: prometheus.alerts() >= expected, 8)
        assert expected <= prometheus.alerts() <= expected | self.SLOWNESS

    def test_every_rule_asks_for_what_is_on_the_page(self, observed: Observed) -> None:
        assert_answered(observed, [rule["expr"] for rule in rules()])


#: Metrics that this gateway has not: it uses no such thing.
ABSENT = frozenset(
    (
        "fastgw_redis_up",
        "fastgw_registration_up",
        "fastgw_fleet_state",
        "fastgw_fleet_coordinates",
        "fastgw_fleet_generation",
        "fastgw_fleet_promoted",
        "fastgw_fleet_contact_age_seconds",
        "fastgw_key_set_keys",
        "fastgw_filter_failures_total",
        "fastgw_websocket_closes_total",
        "fastgw_websocket_close_codes_total",
        "fastgw_key_tokens_total",
        "fastgw_key_cost_nanos_total",
        "fastgw_forecast_active",
        "fastgw_forecast_requests_per_second",
        "fastgw_mqtt_received_packets_total",
        "fastgw_mqtt_refused_total",
        "fastgw_mqtt_bridge_failures_total",
        "fastgw_mqtt_bridge_dropped_total",
    )
)


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((DEPLOYED / "fastgw.rules.yml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def make_trouble(observed: Observed) -> None:
    """Whatever the services of CONFIG are there for, handshakes that are none, and a configuration that is refused."""
    running = observed.gateway
    Load(running.port).run(50)
    for path in ["dead", "broken"] * 6:  # by whichever worker
        client = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        client.request("GET", f"/{path}")
        assert client.getresponse().status >= 500
        client.close()
    for model in ["small", "silent"] * 6:  # the last two are refused by a limit
        post(
            running.port,
            "/v1/chat/completions",
            "application/json",
            b'{"model": "%s", "stream": true}' % model.encode(),
        )
    post(running.port, "/v1/completions", "application/json", b'{"model": "small", "max_tokens": 1000000}')
    post(running.port, "/demo.Words/Classify", "application/grpc", b"")
    for path in [b"/narrow", b"/busy"] * 5:  # of five one worker has three
        sock = connect(running.port)
        sock.sendall(REQUEST.replace(b"/", path, 1))
        observed.waiting.append(sock)
    for _ in range(30):
        with connect(observed.tls_port) as sock:
            sock.sendall(REQUEST)
            sock.recv(1000)
    reload(running, "wrong: [\n")


def post(port: int, path: str, kind: str, body: bytes) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as client:
        client.request("POST", path, body, {"content-type": kind})
        client.getresponse().read()


def assert_answered(observed: Observed, queries: list[str]) -> None:
    """Each of ``queries`` can be asked, and each metric in it is there."""
    prometheus = observed.prometheus
    prometheus.ready()
    names = {one[0]["__name__"] for one in prometheus.ask('{__name__=~".+"}')}
    for query in queries:
        prometheus.ask(query)
        bare = re.sub(r'\{[^}]*\}|"[^"]*"|by \([^)]*\)', "", query)
        used = set(
            re.findall(
                r"\b(?:(?:route:|service:|endpoint:)?(?:fastgw|http|process|gen_ai_(?:server|client))_[a-zA-Z0-9_:]+|up\b)",
                bare,
            )
        )
        assert used and used - names <= ABSENT, (query, used - names)


class TestDashboard:
    #: Queries of which there is nothing where all is well with what they are about.
    EMPTY = frozenset(
        (
            "ALERTS",
            "fastgw_cache_requests_total",
            "fastgw_fallbacks_total",
            "fastgw_fleet_",
            "fastgw_websocket_close",
            "fastgw_key_",
            "fastgw_forecast_",
            "fastgw_mqtt_received",
            "fastgw_mqtt_refused",
            "fastgw_mqtt_bridge_failures",
            "fastgw_mqtt_bridge_dropped",
        )
    )

    def test_every_panel_asks_for_what_is_on_the_page(self, observed: Observed) -> None:
        queries = [query for panel in panels() for query in queries_of(panel)]
        assert len(queries) > 40
        if not observed.waiting:
            make_trouble(observed)
        assert_answered(observed, [query for query in queries if not query.startswith("ALERTS")])
        expected = [query for query in queries if not any(name in query for name in self.EMPTY)]
        unanswered: list[str] = []

        def are_answered() -> bool:
            unanswered[:] = [query for query in expected if not observed.prometheus.ask(query)]
            return not unanswered

        with contextlib.suppress(AssertionError):
            wait_until(are_answered, 8)
        assert unanswered == []

    def test_what_can_be_chosen_is_there(self, observed: Observed) -> None:
        observed.prometheus.ready()
        for variable in dashboard()["templating"]["list"][1:]:
            metric, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
            found = observed.prometheus.ask(chosen(metric))
            assert found and all(label in labels for labels, _ in found), variable["name"]

    def test_panels_stand_beside_each_other(self) -> None:
        places = [panel["gridPos"] for panel in dashboard()["panels"]]
        cells = Counter(
            (x, y)
            for at in places
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        )
        assert set(cells.values()) == {1} and max(x for x, _ in cells) < 24
        numbers = [panel["id"] for panel in dashboard()["panels"]]
        assert len(numbers) == len(set(numbers))


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEPLOYED.parent / "grafana" / "fastgw.json").read_text())
    return found


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries_of(panel: dict[str, Any]) -> list[str]:
    return [chosen(target["expr"]) for target in panel["targets"]]


def chosen(query: str) -> str:
    """``query`` as Grafana asks it where everything is chosen."""
    for name, value in (("$__rate_interval", "1m"), ("$instance", ".*"), ("$route", ".*"), ("$service", ".*")):
        query = query.replace(name, value)
    assert "$" not in query
    return query


class TestTools:
    def test_promtool_takes_the_rules_and_their_examples(self) -> None:
        for command in (["check", "config", "prometheus.yml"], ["check", "rules", "fastgw.rules.yml"]):
            assert_promtool(*command, cwd=DEPLOYED)
        assert_promtool("test", "rules", "fastgw.rules.test.yml", cwd=DEPLOYED)

    def test_every_alert_has_an_example_that_fires(self) -> None:
        troubled, well = yaml.safe_load((DEPLOYED / "fastgw.rules.test.yml").read_text())["tests"]
        fired = re.findall(r'alertname="(\w+)"', str(troubled["promql_expr_test"]))
        assert fired == [rule["alert"] for rule in rules() if "alert" in rule]
        assert "exp_samples" not in well["promql_expr_test"][0]

    def test_promtool_takes_the_page(self, observed: Observed) -> None:
        page = observed.gateway.admin("/metrics")
        assert_promtool("check", "metrics", said=LINT, standard_input=page)


#: What promtool would have otherwise: names that are in use.
LINT: frozenset[str] = frozenset()


def assert_promtool(
    *arguments: str, cwd: Path | None = None, said: frozenset[str] = frozenset(), standard_input: str = ""
) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=cwd, input=standard_input, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0 or said, done.stderr + done.stdout
    assert set(done.stderr.splitlines()) == said, done.stderr

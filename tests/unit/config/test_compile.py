"""From the specification to what a worker serves by."""

from __future__ import annotations

import gc
import ipaddress
import subprocess
import sys
from pathlib import Path

import pytest

from fastgw.config.chains import filter_names
from fastgw.config.compile import compiling
from fastgw.config.spec import GatewaySpec
from fastgw.core.exchange.load_reports import LoadReports
from fastgw.core.exchange.times import Times
from fastgw.core.live.registry import Registry
from fastgw.core.settings import FilterSettings
from fastgw.core.snapshot.chain import Chain, FailureMode
from fastgw.core.snapshot.snapshot import Route, Snapshot
from fastgw.filters.affinity import AffinityFilter
from fastgw.server.slots import route_names
from fastgw.steps import whole
from tests.unit.config.compile_stage import TRACED, compiled, match, slots
from tests.unit.config.files import MINIMAL, read
from tests.unit.config.test_build import FULL


def names(chain: Chain) -> tuple[str, ...]:
    return tuple(one.name for one in chain.filters)


def test_listeners(tmp_path: Path, registry: Registry) -> None:
    snapshot = compiled(read(tmp_path, FULL), registry, 7)
    assert (snapshot.generation, list(snapshot.listeners)) == (7, ["edge", "listener-2"])
    edge = snapshot.listeners["edge"]
    assert (edge.name, edge.scheme) == ("edge", b"http")
    assert (edge.timeouts.head, edge.timeouts.write, edge.limits.head_count) == (1.0, 0.0, 50)
    assert (edge.timeouts.linger, edge.half_close) == (5.0, "answer")
    assert edge.trusted == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))
    assert edge.drop_headers == {b"x-a", b"x-b"}
    assert (edge.fallbacks.first.name, edge.fallbacks.first.slot, edge.fallbacks.first.service) == (
        "edge:unmatched",
        3,
        None,
    )
    assert names(edge.fallbacks.first.chain) == ("log", "request_id")


def test_routes(tmp_path: Path, registry: Registry) -> None:
    snapshot = compiled(read(tmp_path, FULL), registry)
    canary = match(snapshot, "edge", b"x.edge.example", b"/v1/m", x_canary="1", x_user="u")
    assert canary is not None and canary.split is not None and canary.service is None
    assert (canary.name, canary.slot, canary.settings.sticky) == ("canary", 0, "cookie:sid")
    assert canary.settings.half_close == "abort"
    assert (canary.split.choose(0.5).name, canary.split.choose(0.96).name) == ("a", "b")
    assert (canary.max_body, canary.timeout, canary.answer_timeout, canary.stream_idle_timeout) == (1000, 1.0, 2.0, 3.0)
    assert (canary.settings.tunnel_idle_timeout, canary.upgrades, canary.settings.errors) == (
        4.0,
        frozenset(),
        "openai",
    )
    assert (canary.body_buffer, canary.body_wait) == (2000, 5.0)
    plain = match(snapshot, "listener-2", b"", b"/x")
    assert plain is not None and plain.service is snapshot.services[0]
    assert plain.upgrades == {b"websocket"}
    assert plain.mirror is not None and [one.name for one in plain.mirror.services] == ["b"]
    assert plain.mirror.services[0].settings.retry.attempts == 1
    assert list(plain.services) == [snapshot.services[0], plain.mirror.services[0]]
    assert match(snapshot, "edge", b"", b"/nope") is None


def test_chains_are_those_of_listener_and_route(tmp_path: Path, registry: Registry) -> None:
    snapshot = compiled(read(tmp_path, FULL.replace("filters: [access_log]", "filters: [access_log, log]")), registry)
    headers = {"x_canary": "1", "x_user": "u"}
    far = match(snapshot, "edge", b"x.edge.example", b"/v1/m", **headers)
    near = match(snapshot, "listener-2", b"x.edge.example", b"/v1/m", **headers)
    plain = match(snapshot, "edge", b"", b"/x")
    assert far is not None and near is not None and plain is not None
    assert names(far.chain) == ("log", "request_id", "access_log")
    assert names(near.chain) == ("access_log", "log")
    assert plain.chain is snapshot.listeners["edge"].fallbacks.first.chain  # the same filters are the same chain
    assert [hook.__self__.name for hook in far.chain.done[-1]] == ["access_log", "log"]  # type: ignore[attr-defined]
    assert far.chain.done[-1][1].__self__ is near.chain.done[-1][0].__self__  # type: ignore[attr-defined]


def test_a_cache_knows_what_the_filters_of_its_route_decide_by(tmp_path: Path, registry: Registry) -> None:
    text = """
listeners: [{address: "127.0.0.1:1", filters: [far]}]
filters:
  far: {type: ext_authz, url: "https://a.test/", send: [x-far, cookie]}
  near: {type: ext_authz, url: "https://a.test/", send: [x-near]}
  other: {type: ext_authz, url: "https://a.test/", send: [x-other]}
routes:
  - {path: /a, service: s, filters: [near], cache: {ttl: 1s}}
  - {path: /b, service: s, filters: [other]}
services: {s: {endpoints: ["127.0.0.1:2"]}}
"""
    route = match(
        compiled(read(tmp_path, text), registry), next(iter(read(tmp_path, text).listeners)).name, b"a", b"/a"
    )
    assert route is not None and route.cache is not None
    assert route.cache._decided_by == (b"cookie", b"x-far", b"x-near")


def test_a_cache_beside_models_is_one_of_models(tmp_path: Path, registry: Registry) -> None:
    text = """
listeners: [{address: "127.0.0.1:1"}]
routes:
  - {path: /v1/*, models: true, cache: {}}
  - {path: /b, service: s, cache: {}}
models: {m: {service: s}}
services: {s: {endpoints: ["127.0.0.1:2"]}}
"""
    spec = read(tmp_path, text)
    snapshot, name = compiled(spec, registry), spec.listeners[0].name
    found = [match(snapshot, name, b"a", path) for path in (b"/v1/embeddings", b"/b")]
    assert [type(one.cache).__name__ for one in found if one is not None] == ["ModelCache", "RouteCache"]


@pytest.mark.parametrize("hedge", ["", ", hedge: {}"])
def test_load_reports_are_read_of_services_that_say_so(tmp_path: Path, registry: Registry, hedge: str) -> None:
    text = f"""
listeners: [{{address: "127.0.0.1:1"}}]
routes: [{{path: /*, service: s}}]
services:
  s: {{endpoints: ["127.0.0.1:2"], balance: engine, engine: {{reports: true}}{hedge}}}
  t: {{endpoints: ["127.0.0.1:2"], balance: engine}}
"""
    snapshot = compiled(read(tmp_path, text), registry)
    first, second = snapshot.services
    assert isinstance(first.times, Times) and isinstance(first.times.reports, LoadReports)
    assert first.minds is not None and first.minds[0] is first.times.reports
    assert second.times is None and not second.minds


def test_the_global_chain_is_in_front_of_every_other(tmp_path: Path, registry: Registry) -> None:
    # edge names log itself: it runs once, where the outermost level has it
    snapshot = compiled(read(tmp_path, FULL.replace("listeners:\n", "chain: [digest, log]\nlisteners:\n", 1)), registry)
    far = match(snapshot, "edge", b"x.edge.example", b"/v1/m", x_canary="1", x_user="u")
    near = match(snapshot, "listener-2", b"x.edge.example", b"/v1/m", x_canary="1", x_user="u")
    assert far is not None and near is not None
    assert names(far.chain) == ("digest", "log", "request_id", "access_log")
    assert names(near.chain) == ("digest", "log", "access_log")
    assert names(snapshot.listeners["edge"].fallbacks.first.chain) == ("digest", "log", "request_id")
    assert far.chain.filters[0] is near.chain.filters[0]
    assert "digest" in [one.name for one in snapshot.filters]


def test_what_runs_before_routing_is_the_beginning_of_every_chain(tmp_path: Path, registry: Registry) -> None:
    text = FULL.replace("filters: [log, request_id", "before_routing: [access_log, request_id]\n    filters: [log", 1)
    snapshot = compiled(read(tmp_path, text), registry)
    edge, other = snapshot.listeners["edge"], snapshot.listeners["listener-2"]
    found = match(snapshot, "edge", b"", b"/x")
    assert found is not None and edge.before is not None
    assert [hook.__self__.name for hook in edge.before] == ["request_id"]  # type: ignore[attr-defined]
    assert found.chain.request[: found.chain.begin] == edge.before
    assert names(found.chain) == ("access_log", "request_id", "log")
    assert other.before is None


def test_a_filter_has_the_failure_mode_of_its_configuration(tmp_path: Path, registry: Registry) -> None:
    spec = read(tmp_path, FULL)
    chain = compiled(spec, registry).listeners["edge"].fallbacks.first.chain
    assert chain.modes == {
        name: FailureMode(settings, filter_names(spec).index(name))
        for name, settings in (("log", FilterSettings("open", 2.0)), ("request_id", FilterSettings("closed", 10.0)))
    }
    assert "timeout" not in dict(spec.filters[0].options)


def test_every_version_of_a_service_sets_its_cookie(tmp_path: Path, registry: Registry) -> None:
    parts = (
        "versions: {v1: {weight: 9, endpoints: ['127.0.0.1:19001']}, v2: {weight: 1, endpoints: ['127.0.0.1:19002']}}"
    )
    text = MINIMAL.replace(
        'endpoints: ["127.0.0.1:19000"]', parts + ", affinity: {cookie: c, secret: 0123456789abcdef}"
    )
    route = match(compiled(read(tmp_path, text), registry), "listener-1", b"x", b"/")
    assert route is not None
    (found,) = [one for one in route.chain.filters if isinstance(one, AffinityFilter)]
    assert set(found._by_service) == {"a@v1", "a@v2"}


def test_tls_makes_the_scheme_https(tmp_path: Path, registry: Registry, pair: tuple[str, str]) -> None:
    text = MINIMAL.replace("18080", f"18080\n    tls: {{cert: '{pair[0]}', key: '{pair[1]}'}}")
    assert compiled(read(tmp_path, text), registry).listeners["listener-1"].scheme == b"https"


def test_a_worker_needs_neither_pydantic_nor_yaml() -> None:
    code = (
        "import sys, fastgw.config.compile, fastgw.config.tls\n"
        "print([name for name in ('pydantic', 'yaml', 'fastgw.config.schema') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_routes_that_answer_by_themselves(tmp_path: Path, registry: Registry) -> None:
    routes = "  - {path: /a, reply: {text: x}}\n  - {path: /b/*, redirect: '/${request.host}/*'}\n  - {path: /c/*, files: .}\n"
    spec = read(tmp_path, MINIMAL.replace("services:", f"{routes}services:"))
    snapshot = compiled(spec, registry)
    assert [one.name for one in snapshot.services] == ["a"]  # nothing else is live
    found = {rule.path: rule.payload.service.name for rule in snapshot.listeners["listener-1"].router.rules}
    assert found == {"/*": "a", "/a": "reply", "/b/*": "redirect", "/c/*": "files"}


VERSIONED = """\
listeners: [{address: 127.0.0.1:18080, filters: []}]
routes:
  - {path: /one, service: chat}
  - {path: /two, split: [{service: chat, weight: 1}, {service: other, weight: 1}]}
  - {path: "/three/{name}", service: "{name}", among: [chat, other]}
  - {path: /four, service: other, mirror: {service: chat}}
services:
  other: {endpoints: ["127.0.0.1:19009"]}
  chat:
    versions:
      v1: {endpoints: ["127.0.0.1:19000"], weight: 3}
      v2: {endpoints: ["127.0.0.1:19001"], weight: 1}
"""


def routes_of(snapshot: Snapshot) -> list[Route]:
    return [line.payload for line in snapshot.listeners["listener-1"].router.rules]


def test_whatever_names_a_service_may_name_one_with_versions(tmp_path: Path, registry: Registry) -> None:
    snapshot = compiled(read(tmp_path, VERSIONED), registry)
    (versions,) = snapshot.versions
    found = {route.name: route for route in routes_of(snapshot)}
    assert (found["/one"].service, found["/one"].versions) == (None, versions)
    split, named = found["/two"].split, found["/three/{name}"].by_name
    assert split is not None and split.choose(0.2) is versions
    assert named is not None and named.choose(b"/three/chat") is versions
    assert [one.name for one in found["/four"].services] == ["other", "chat@v1", "chat@v2"]
    assert found["/four"].service is not None and found["/four"].mirror is not None
    assert versions.shares.split.choices == ["v1", "v2"]


def test_a_shadow_is_a_mirror_of_each_route_that_leads_there(tmp_path: Path, registry: Registry) -> None:
    text = VERSIONED.replace(", mirror: {service: chat}", "") + "    shadow: {version: v2, share: 50%}\n"
    spec = read(tmp_path, text)
    found = {route.name: route for route in routes_of(compiled(spec, registry))}
    assert [name for name, route in found.items() if route.mirror is None] == ["/four"]
    copies = found["/one"].mirror
    assert copies is not None and [one.name for one in copies.services] == ["chat@v2"]
    assert {f"{name}:mirror" for name in ("/one", "/two", "/three/{name}")} <= {*route_names(spec)}
    assert "/four:mirror" not in route_names(spec)


def test_traces_stand_in_front_of_all_chains_and_look_on_at_every_service(tmp_path: Path, registry: Registry) -> None:
    text = TRACED + MINIMAL.replace("18080\n", "18080\n    before_routing: [request_id]\n")
    snapshot = compiled(read(tmp_path, text), registry)
    [listener] = snapshot.listeners.values()
    chain = listener.fallbacks.first.chain
    assert [one.name for one in chain.filters] == ["telemetry.traces", "request_id"]
    assert chain.begin == 2 and chain.is_traced
    [service] = snapshot.services
    assert service.witness is chain.filters[0] is snapshot.filters[-1]
    assert service.times is None and service.minds is None


def test_without_before_routing_nothing_runs_there(tmp_path: Path, registry: Registry) -> None:
    snapshot = compiled(read(tmp_path, TRACED + MINIMAL), registry)
    [listener] = snapshot.listeners.values()
    assert listener.before is None and listener.fallbacks.first.chain.is_traced


def test_without_them_nobody_looks_on(tmp_path: Path, registry: Registry) -> None:
    snapshot = compiled(read(tmp_path, MINIMAL), registry)
    [service] = snapshot.services
    [listener] = snapshot.listeners.values()
    assert service.witness is None and not listener.fallbacks.first.chain.is_traced


# --- in steps


def large(services: int) -> str:
    """Routes of several kinds, four to a service."""
    kinds = ('"/{n}/exact"', '"/{n}/{{id}}"', '"/{n}/*", host: "h{n}.example"', '"/{n}/get", methods: [GET]')
    routes = [f"  - {{path: {kind.format(n=n)}, service: s{n}}}" for n in range(services) for kind in kinds]
    rest = [f'  s{n}: {{endpoints: ["127.0.0.1:{10000 + n}", "127.0.0.2:{10000 + n}"]}}' for n in range(services)]
    return "\n".join(["listeners: [{address: '127.0.0.1:0'}]", "services:", *rest, "routes:", *routes]) + "\n"


def made_by_steps(spec: GatewaySpec, registry: Registry) -> list[int]:
    """How many objects that the collector knows each step has left, at most."""
    gc.collect()
    gc.disable()
    try:
        steps = compiling(spec, 1, slots(spec), registry, lambda: 0.25)
        counts, before = [], gc.get_count()[0]
        for _ in steps:
            now = gc.get_count()[0]  # made and not freed
            counts.append(now - before)
            before = now
        return counts
    finally:
        gc.enable()


def test_no_step_grows_with_the_configuration(tmp_path: Path, registry: Registry) -> None:
    compiled(read(tmp_path, large(1)), registry)  # which imports what it needs
    few = made_by_steps(read(tmp_path, large(10)), registry)
    many = made_by_steps(read(tmp_path, large(40)), registry)
    assert len(many) > 3.5 * len(few)
    assert max(many) <= max(few) + 10 < 100
    assert sum(many) > 3 * sum(few)  # they are where the work is


def test_who_stops_in_the_middle_leaves_nothing(tmp_path: Path, registry: Registry) -> None:
    spec = read(tmp_path, large(5))
    steps = compiling(spec, 1, slots(spec), registry, lambda: 0.25)
    for _ in range(7):
        next(steps)
    steps.close()
    whole(registry.retain(()))
    assert not registry._members and len(registry) == 0


def test_a_snapshot_is_no_cycle(tmp_path: Path, registry: Registry) -> None:
    """One that is left goes at once, and not with the next full collection."""
    snapshot = compiled(read(tmp_path, large(3)), registry)
    gc.collect()
    gc.disable()
    try:
        del snapshot
        assert gc.collect() == 0
    finally:
        gc.enable()

"""What a worker makes of a service: its members, who chooses among them, who looks on."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.adapters.asgi import AsgiPool
from fastgw.adapters.calls import CallPool
from fastgw.adapters.handlers import HandlerPool
from fastgw.core.live.registry import Registry
from fastgw.policy.balancers import LeastRequest, Random, RoundRobin
from fastgw.policy.ewma import PeakEwma
from fastgw.policy.hashing import ConsistentHash
from fastgw.policy.maglev import Maglev
from tests.unit.config.compile_stage import TRACED, compiled, match
from tests.unit.config.files import MINIMAL, read, with_service
from tests.unit.config.test_build import FULL


def test_services_and_endpoints(tmp_path: Path, registry: Registry) -> None:
    a, b, c, d, e, *_ = compiled(read(tmp_path, FULL), registry).services
    assert (a.name, a.settings.host, a.settings.retry.attempts, a.settings.retry.on) == ("a", "endpoint", 3, ("reset",))
    assert isinstance(a.balancer, RoundRobin) and isinstance(b.balancer, ConsistentHash)
    assert a.pick_for is None and b.pick_for is not None
    (first, usual), (second, settings) = a.roster
    assert (str(first.address), usual.weight, first.slot) == ("10.0.0.1:9000", 1, 0)
    assert (str(second.address), settings.weight, second.slot) == ("unix:/run/x.sock", 2, 1)
    assert usual.pool.max_connections == 1 and first.tls is not None and not first.tls.verify
    assert usual.context is settings.context is not None
    [(key, settings)] = b.roster
    assert settings.context is None and key.tls is None
    [(key, settings)] = c.roster
    assert (str(key.address), settings.make_pool, settings.pool.service) == ("python:some_module:Class", CallPool, "c")
    assert (d.roster[0][1].make_pool, e.roster[0][1].make_pool) == (HandlerPool, AsgiPool)
    assert b.takes_chunks and not c.takes_chunks  # its instance is not made yet


def test_a_service_in_this_process_is_one_instance_while_its_configuration_is(
    tmp_path: Path, registry: Registry
) -> None:
    text = MINIMAL.replace("{endpoints:", "{python: 'm:C'}\n  b: {endpoints:")
    first, again, other = (
        compiled(read(tmp_path, one), registry) for one in (text, text, text.replace("'m:C'", "'m:C', workers: 3"))
    )
    assert len(first.inside) == 1 and first.inside == again.inside != other.inside


def test_what_a_balancer_has_learned_survives_a_reload(tmp_path: Path, registry: Registry) -> None:
    kinds = {"peak_ewma": PeakEwma, "random": Random, "least_request": LeastRequest}
    text = MINIMAL.replace("{endpoints:", "{balance: peak_ewma, endpoints:")
    first = compiled(read(tmp_path, text), registry).services[0]
    assert first.members.judge is None  # it may be refused yet
    first.install(registry)
    assert first.members.judge is first.balancer
    for word, kind in kinds.items():
        service = compiled(read(tmp_path, text.replace("peak_ewma", word)), registry).services[0]
        assert isinstance(service.balancer, kind)
        service.install(registry)
        assert service.members.judge is (first.balancer if kind is PeakEwma else None)


def test_a_table_of_keys_is_one_of_all_members(tmp_path: Path, registry: Registry) -> None:
    keys = "{balance: maglev, hash: {key: '${path.user}', max_load: 1.25}, endpoints:"
    text = MINIMAL.replace("{endpoints:", keys).replace("/*", '"/{user}"')
    snapshot = compiled(read(tmp_path, text), registry)
    (service,) = snapshot.services
    assert isinstance(service.balancer, Maglev) and service.pick_for is not None
    assert service.balancer._roster() == service.members.all
    route = match(snapshot, "listener-1", b"x", b"/u1")
    assert route is not None and route.pattern is not None
    assert route.pattern.params(b"/u1") == {"user": b"u1"}


def test_endpoints_survive_a_reload(tmp_path: Path, registry: Registry) -> None:
    before = compiled(read(tmp_path, MINIMAL), registry)
    assert len(registry) == 0  # it may be refused yet
    before.services[0].install(registry)
    [endpoint] = registry
    after = compiled(read(tmp_path, MINIMAL + "shutdown: {grace: 1s}"), registry, 2)
    after.services[0].install(registry)
    assert [*registry] == [endpoint]


def test_a_file_that_is_gone_is_an_error(tmp_path: Path, registry: Registry, pair: tuple[str, str]) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text(Path(pair[0]).read_text())
    spec = read(tmp_path, MINIMAL.replace('9000"]', '9000"], tls: {ca: ca.pem}'))
    ca.unlink()
    with pytest.raises(OSError):
        compiled(spec, registry)


@pytest.mark.parametrize("keys", ["hedge: {}", "retry: {on: [5xx]}, tell_timeout: true"])
def test_they_look_on_beside_what_else_there_is(keys: str, tmp_path: Path, registry: Registry) -> None:
    [service] = compiled(read(tmp_path, TRACED + with_service(keys)), registry).services
    assert service.times is not None and service.minds is not None and service.witness is not None
    assert service.beside().witness is service.witness and service.without_retries().witness is None


def test_what_a_service_speaks_is_part_of_its_endpoints_and_offered_by_alpn(tmp_path: Path, registry: Registry) -> None:
    text = MINIMAL.replace("{endpoints:", "{protocol: PROTOCOL, tls: {verify: false}, endpoints:")
    found = {}
    for word in ("http/1.1", "h2", "auto"):
        (service,) = compiled(read(tmp_path, text.replace("PROTOCOL", word)), registry).services
        [(key, settings)] = service.roster
        assert key.protocol == word and service.takes_chunks == (word == "http/1.1")
        assert service.resends is not None or service.settings.retry.on == ("connect",)
        found[word] = settings.context
    assert len({id(one) for one in found.values()}) == 3
    plain = text.replace("tls: {verify: false}, ", "")
    (service,) = compiled(read(tmp_path, plain.replace("PROTOCOL", "auto")), registry).services
    assert service.takes_chunks and service.roster[0][0].protocol == "auto"

"""Which routes translate, and that workers make what does."""

from __future__ import annotations

from pathlib import Path

from fastgw.config.translated import spoken, translated
from fastgw.core.live.registry import Registry
from fastgw.transformers.dialects import Dialects
from tests.unit.config.compile_stage import compiled, match
from tests.unit.config.files import MINIMAL, read
from tests.unit.config.test_dialect_rules import FILE


def test_services_that_a_route_can_come_to(tmp_path: Path) -> None:
    spec = read(tmp_path, FILE)
    assert list(spoken(spec)) == ["a", "b", "c"]
    found = [list(translated(spec, one, spoken(spec))) for one in spec.routes]
    assert found == [["a", "b"], ["a", "b", "c"], [], ["a", "b", "c"]]
    assert not translated(spec, spec.routes[0], spoken(read(tmp_path, MINIMAL)))


def test_versions_speak_what_their_service_does(tmp_path: Path) -> None:
    versions = '{dialect: openai, versions: {v1: {endpoints: ["127.0.0.1:19001"], weight: 1}}}'
    spec = read(tmp_path, MINIMAL.replace('{endpoints: ["127.0.0.1:19000"]}', versions))
    assert list(translated(spec, spec.routes[0], spoken(spec))) == ["a@v1"]


def test_a_worker_makes_one_for_all_routes_that_lead_to_the_same(tmp_path: Path, registry: Registry) -> None:
    snapshot = compiled(read(tmp_path, FILE), registry)
    chains = [match(snapshot, "listener-1", b"", path) for path in (b"/one", b"/two", b"/three", b"/v1/messages")]
    found = [[one for one in route.chain.filters if isinstance(one, Dialects)] for route in chains if route is not None]
    assert [len(one) for one in found] == [1, 1, 0, 1] and found[1] == found[3] != found[0]
    assert {found[0][0], found[1][0]} <= set(snapshot.filters)  # so they are started and stopped with the others

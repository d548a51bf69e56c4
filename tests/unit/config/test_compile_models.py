"""Models as a worker has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastgw.core.live.registry import Registry
from fastgw.core.models.choice import ModelChoice
from fastgw.core.models.stand_in import ModelStandIn
from fastgw.core.snapshot.versions import Versions
from fastgw.policy.having import TABLES
from tests.unit.config.compile_stage import compiled
from tests.unit.config.files import read
from tests.unit.config.test_models import file


def choice_of(tmp_path: Path, registry: Registry, text: str) -> Any:
    (rule,) = compiled(read(tmp_path, text), registry).listeners["listener-1"].router.rules
    assert rule.payload.wants_data and rule.payload.service is None
    assert isinstance(rule.payload.versions, ModelChoice)
    return rule.payload.versions


def test_targets(tmp_path: Path, registry: Registry) -> None:
    found = choice_of(tmp_path, registry, file("models: true, service: b"))
    target, rest = found._targets.find("open/x")
    assert (target.name, target.parts[0].destination.name, target.parts[0].sent_as, rest) == ("open/*", "a", "*", "x")
    assert {one.name for one in found.services} == {"a", "b"} and found._rest.name == "b"


def test_a_fallback_is_a_chain_of_copies(tmp_path: Path, registry: Registry) -> None:
    target, _ = choice_of(tmp_path, registry, file())._targets.find("big")
    service = target.parts[0].destination
    first = service.fallback
    assert isinstance(first, ModelStandIn) and first.service.name == "b" and first.service.fallback.service.name == "a"
    assert service.keeps_post and first.service.keeps_post and first.takes_answer in service.minds
    plain = choice_of(tmp_path, registry, file())._targets.find("small")[0].parts[0].destination
    assert plain.fallback is None and not plain.keeps_post


def test_versions_of_a_service_fall_back_each(tmp_path: Path, registry: Registry) -> None:
    versions = (
        'a: {versions: {v1: {endpoints: ["127.0.0.1:1"], weight: 1}, v2: {endpoints: ["127.0.0.1:2"], weight: 1}}}'
    )
    text = file().replace('a: {endpoints: ["127.0.0.1:19000"]}', versions).replace("[small, alias]", "[small]")
    destination = choice_of(tmp_path, registry, text)._targets.find("big")[0].parts[0].destination
    assert isinstance(destination, Versions)
    assert [one.fallback.service.name for one in destination.services] == ["b", "b"]


def test_prompts_are_read_where_a_service_chooses_by_them(tmp_path: Path, registry: Registry) -> None:
    assert choice_of(tmp_path, registry, file())._prompts is None
    text = file().replace(
        'a: {endpoints: ["127.0.0.1:19000"]', 'a: {balance: prefix_hash, endpoints: ["127.0.0.1:19000"]'
    )
    found = choice_of(tmp_path, registry, text)
    assert found._prompts is not None and len(found._prompts.keys) <= 16  # as many as a skim takes
    other = text.replace("models: true", "models: [small]")
    assert choice_of(tmp_path, registry, other)._prompts is None


def test_members_tell_the_names_of_patterns(tmp_path: Path, registry: Registry) -> None:
    assert choice_of(tmp_path, registry, file())._list._told is None
    text = file().replace('a: {endpoints: ["127.0.0.1:19000"]', 'a: {model_lists: true, endpoints: ["127.0.0.1:19000"]')
    told = choice_of(tmp_path, registry, text)._list._told
    TABLES.of("a").learn({"127.0.0.1:19000": ("gpt",)})
    assert told() == ("open/gpt",)
    TABLES.retain(())

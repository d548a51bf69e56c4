"""Members that are listed elsewhere, in a specification."""

from __future__ import annotations

from pathlib import Path

from fastgw.config.listed import with_lists, without_sources
from fastgw.config.spec import EndpointSpec
from fastgw.core.settings import Address
from tests.unit.config.files import read, with_service

ONE, TWO = (EndpointSpec(Address("10.0.0.1", number), 1) for number in (1, 2))


def test_the_same_where_nothing_is_listed(tmp_path: Path) -> None:
    spec = read(tmp_path, with_service("balance: random"))
    assert with_lists(spec, {}) is spec
    assert with_lists(spec, {"a": (ONE,), "nobody": (TWO,)}) is spec
    assert without_sources(spec) is spec


def test_members_are_those_of_the_file_and_of_the_list(tmp_path: Path) -> None:
    spec = read(tmp_path, with_service("discovery: {file: {path: m.yaml}}"))
    fixed = spec.services[0].endpoints
    assert spec.services[0].members == fixed and spec.services[0].listed is None
    members = (ONE, fixed[0]._replace(weight=9))
    found = with_lists(spec, {"a": members})
    assert found.services[0].members == (*fixed, ONE)
    assert with_lists(found, {"a": members}) is found
    assert with_lists(found, {"a": (TWO,)}).services[0].members == (*fixed, TWO)


def test_workers_learn_nothing_of_sources(tmp_path: Path) -> None:
    text = "discovery: {etcd: {endpoints: [http://127.0.0.1], prefix: /x, user: me, password: hidden}}"
    spec = read(tmp_path, with_service(text))
    assert "hidden" in repr(spec) and "hidden" not in repr(without_sources(spec))
    assert without_sources(spec).services[0].discovery is not None

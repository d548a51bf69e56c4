"""The registry of filters: each entry is whole."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import fastgw
from fastgw.config import filters
from fastgw.config.filters import BUILT_IN_FILTERS, FILTERS
from fastgw.config.spec import FilterSpec
from fastgw.core.exchange.filter import Filter
from fastgw.core.settings import Url
from fastgw.core.snapshot.chain import HOOKS
from fastgw.wasm import compiler
from tests.support.wasm import binary, runtime, text
from tests.unit.config.files import MINIMAL, problems, read

#: What the types without defaults need.
NEEDED: Mapping[str, str] = {
    "api_key": "file: keys.json",
    "basic": "file: users",
    "concurrency": "max: 7",
    "cors": "origins: https://app.example",
    "ext_authz": "url: 'https://authz.test/'",
    "fault": "abort: 503",
    "guardrails": "max_tokens: 100",
    "headers": "request: {remove: [x-a]}",
    "ip_rules": "rules: [{allow: 10.0.0.0/8}]",
    "jwt": "algorithms: HS256, keys: [{secret: 0123456789abcdef0123456789abcdef}]",
    "log_body": "path: stdout",
    "record": "path: stdout",
    "mtls": "rules: [{cn: ann}]",
    "token_limit": "limits: [{rate: 5/m, unit: requests}]",
    "oauth2_introspection": "url: 'https://auth.test/'",
    "rate_limit": "limits: [{rate: 5/s}]",
    "rewrite": "path: /x",
    "wasm": "module: guard.wasm",
}


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that ``wasm`` needs; what a process would do with it is done here."""
    monkeypatch.setattr(compiler, "_compiled_apart", lambda asked: compiler.compile_here(asked, runtime()))
    (tmp_path / "guard.wasm").write_bytes(binary(text("")))


def made(spec: FilterSpec) -> Filter:
    """The filter, as a worker makes it."""
    module, _, factory = spec.made_by.partition(":")
    found: Filter = getattr(import_module(module), factory)(spec.name, dict(spec.options))
    return found


@pytest.mark.parametrize("word", FILTERS)
def test_an_entry_makes_a_filter_of_the_given_name(tmp_path: Path, word: str) -> None:
    keys = f", {NEEDED[word]}" if word in NEEDED else ""
    found = made(read(tmp_path, MINIMAL + f"filters: {{mine: {{type: {word}{keys}}}}}").filters[0])
    assert found.name == "mine"
    assert any(getattr(found, hook, None) is not None for hook in HOOKS)


@pytest.mark.parametrize("word", FILTERS)
def test_an_entry_says_what_it_is(word: str) -> None:
    entry = FILTERS[word]
    assert entry.__doc__
    assert all(field.description for field in entry.model_fields.values())


def test_every_file_of_an_entry_is_in_the_registry() -> None:
    folder = Path(filters.__path__[0])
    files = {path.stem for path in folder.glob("*.py")} - {
        "__init__",
        "bearer",
        "entry",
    }  # and what some of them have in common
    assert {entry.__module__.rpartition(".")[2] for entry in FILTERS.values()} == files
    assert all((Path(fastgw.__path__[0]) / "filters" / f"{name}.py").exists() for name in files)


def test_what_needs_no_definition_may_be_named_without_one(tmp_path: Path) -> None:
    assert set(BUILT_IN_FILTERS) == set(FILTERS) - set(NEEDED)
    for word in FILTERS:
        text = MINIMAL.replace("service: a}", f"service: a, filters: [{word}]}}")
        text = text.replace('19000"]', '19000"], protocol: mqtt') if word == "mqtt" else text
        assert bool(problems(tmp_path, text)) == (word in NEEDED)


def test_a_filter_gets_plain_data(tmp_path: Path) -> None:
    def parts(value: Any) -> Any:
        yield value
        for inner in value if isinstance(value, tuple) else ():
            yield from parts(inner)

    for word in FILTERS:
        keys = f", {NEEDED[word]}" if word in NEEDED else ""
        spec = read(tmp_path, MINIMAL + f"filters: {{mine: {{type: {word}{keys}}}}}").filters[0]
        kinds = (tuple, str, bytes, int, float, bool, type(None), Url)
        assert all(type(one) in kinds for one in parts(spec.options))

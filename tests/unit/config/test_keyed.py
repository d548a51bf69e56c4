"""Which keys are counted by name: the first of the files, as they stand when they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.cli import keys
from fastgw.config.metered import keyed
from fastgw.filters.usage import Usage
from tests.unit.config.files import problems, read

TEXT = """
listeners: [{{address: "127.0.0.1:1"}}]
routes: [{{path: "/*", service: s, filters: [keys, more, usage]}}]
services: {{s: {{endpoints: ["127.0.0.1:2"]}}}}
filters:
  keys: {{type: api_key, file: {0}/keys.json}}
  more: {{type: api_key, file: {0}/more.json}}
  idle: {{type: api_key, file: {0}/idle.json}}
  usage: {{type: usage{1}}}
"""


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    for file, names in (("keys", "ann bob"), ("more", "bob cy"), ("idle", "dan")):
        for name in names.split():
            assert keys.new(str(tmp_path / f"{file}.json"), name) == 0
    capsys.readouterr()
    return tmp_path


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", []),
        (", keys: 0", []),
        (", keys: 1", ["ann", "other"]),
        (", keys: 2", ["ann", "bob", "other"]),
        (", keys: 9", ["ann", "bob", "cy", "other"]),
    ],
)
def test_the_first_keys_of_the_files_that_a_chain_reads(folder: Path, said: str, expected: list[str]) -> None:
    spec = read(folder, TEXT.format(folder, said))
    assert keyed(spec) == expected
    (options,) = [dict(one.options) for one in spec.filters if one.name == "usage"]
    made = Usage("usage", options)
    made.count_keys({name: place for place, name in enumerate(expected)})  # which needs none where none is named


def test_there_is_a_bound(folder: Path) -> None:
    (problem,) = problems(folder, TEXT.format(folder, ", keys: 1001"))
    assert "filters.usage.keys" in problem

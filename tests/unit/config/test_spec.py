"""The specification: plain data that any process can read."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

from fastgw.config import bind_spec, spec, telemetry_spec
from fastgw.config.spec import fallback_name, mirror_name
from fastgw.core import settings
from tests.unit.config.files import MINIMAL, read

PLAIN = (str, int, float, bool, type(None))


def leaves(value: Any) -> list[Any]:
    if isinstance(value, tuple):
        return [leaf for one in value for leaf in leaves(one)]
    return [value]


def test_it_survives_the_way_to_a_worker(tmp_path: Path) -> None:
    spec = read(tmp_path, MINIMAL + "filters:\n  log: {type: access_log, path: '${OUT}'}\n", {"OUT": "stderr"})
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert hash(spec) == hash(pickle.loads(pickle.dumps(spec)))


def test_it_holds_plain_values_only(tmp_path: Path) -> None:
    spec = read(tmp_path, MINIMAL.replace("/*", '"${PATH_}"'), {"PATH_": "/from/the/environment"})
    assert not [leaf for leaf in leaves(spec) if type(leaf) not in PLAIN]


def test_its_classes_are_tuples_and_quickly_made() -> None:
    classes = [
        one
        for module in (bind_spec, spec, telemetry_spec, settings)
        for one in vars(module).values()
        if isinstance(one, type)
    ]
    assert settings.Limits in classes
    for one in classes:
        assert issubclass(one, tuple) and not hasattr(one, "__dataclass_fields__"), one
        assert "__slots__" in vars(one), one


def test_reading_it_takes_neither_pydantic_nor_yaml() -> None:
    code = "import sys, fastgw.config.spec, fastgw.config.rules; print([n for n in ('pydantic', 'yaml') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_fallback_of_a_listener_has_a_name() -> None:
    assert fallback_name("edge") == "edge:unmatched"


def test_what_a_mirror_is_sent_has_a_name() -> None:
    assert mirror_name("all") == "all:mirror"

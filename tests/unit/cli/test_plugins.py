"""``fastgw plugins``: what is installed, what a configuration names, and whose it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from fastgw.cli.main import main
from tests.unit.config.files import MINIMAL, with_route
from tests.unit.config.plugged import write_code

INSTALLED = {"group": "fastgw.filters", "name": "mark", "code": "plugged_code:Mark", "package": "plugged", "version": "1.2"}  # fmt: skip


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["plugins", "--format", "json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_entry_points_are_listed_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_code(tmp_path, monkeypatch, is_installed=True)
    found = told(capsys)
    assert found.keys() == {"installed"} and INSTALLED in found["installed"]
    assert main(["plugins"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["fastgw.transformers", "text/upper", "plugged_code:Upper", "plugged", "1.2"] in lines
    assert "plugged_code" not in sys.modules


@pytest.mark.parametrize("is_installed", [False, True])
def test_what_a_configuration_names_has_its_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_installed: bool
) -> None:
    write_code(tmp_path, monkeypatch, is_installed=is_installed)
    file = tmp_path / "gw.yaml"
    text = with_route("transformers: {output: 'plugged_code:Upper'}").replace(
        "services:\n", "services:\n  b: {python: 'no_such_code:B'}\n"
    )
    file.write_text(text + "filters: {mine: {type: 'plugged_code:Mark', level: x}}\n")
    origin = ("plugged", "1.2") if is_installed else (str(tmp_path / "plugged_code.py"), "")
    named = [tuple(one.values()) for one in told(capsys, "-c", str(file))["named"]]
    assert named == [
        ("fastgw.filters", "filters.mine", "plugged_code:Mark", *origin),
        ("fastgw.transformers", "/*: plugged_code:Upper", "plugged_code:Upper", *origin),
        ("fastgw.services", "services.b", "no_such_code:B", "", ""),
    ]
    assert main(["plugins", "-c", str(file)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[1:] == ["services.b", "no_such_code:B", "not", "found"]


def test_a_configuration_may_name_none_or_be_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gw.yaml"
    file.write_text(MINIMAL)
    assert main(["plugins", "-c", str(file)]) == 0
    assert capsys.readouterr().out.endswith(f"{file}\nnames no code by module:Class\n")
    file.write_text(MINIMAL + "worker: 1\n")
    assert main(["plugins", "-c", str(file)]) == 1
    assert "unknown key" in capsys.readouterr().err

"""The configurations in ``examples/`` are ones that ``fastgw check`` has nothing to say about."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from fastgw.cli.check import check
from fastgw.config.load import load
from tests.unit.config.conftest import write_pair

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The examples, with the files they speak of."""
    for path in EXAMPLES.glob("*.yaml"):
        shutil.copy(path, tmp_path)
    for name in ("public", "pages"):
        shutil.copytree(EXAMPLES / name, tmp_path / name)
    (tmp_path / "services").mkdir()
    shutil.copy(EXAMPLES / "services" / "words.binpb", tmp_path / "services")
    (tmp_path / "tls").mkdir()
    for stem in re.findall(r"tls/([\w-]+)\.pem", (EXAMPLES / "tls.yaml").read_text()):
        write_pair(tmp_path / "tls", stem, f"{stem}.example", f"*.{stem}.example")
    return tmp_path


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
def test_it_is_right(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(str(folder / name), as_json=False) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.startswith(f"{folder / name}: fine (")


def test_the_smallest_one_has_nothing_to_leave_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (folder / "minimal.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        if not line.startswith("#"):
            (folder / "less.yaml").write_text("\n".join(lines[:number] + lines[number + 1 :]))
            assert check(str(folder / "less.yaml"), as_json=False) == 1, line
    assert capsys.readouterr().err


def test_what_the_tls_example_says_of_itself(folder: Path) -> None:
    public, devices, balanced = load(folder / "tls.yaml", {}).listeners
    assert public.tls is not None
    assert devices.tls is not None
    assert public.tls.certificates[1].names == ("models.example", "*.models.example")
    assert devices.tls.client_auth == "required"
    assert balanced.proxy_protocol


def test_a_certificate_that_is_missing_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tls" / "models.pem").unlink()
    assert check(str(folder / "tls.yaml"), as_json=False) == 1
    assert "models.pem cannot be read" in capsys.readouterr().err

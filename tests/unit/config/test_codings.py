"""Content codings in the file: those whose library is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config import codings
from tests.unit.config.files import MINIMAL, problems, read


def test_a_library_that_is_not_installed_is_named_with_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codings, "missing_package", lambda coding: "brotli" if coding == "br" else "")
    found = problems(tmp_path, MINIMAL + "filters: {small: {type: compress, codings: [gzip, br]}}")
    assert len(found) == 1 and "codings[1]" in found[0] and "pip install 'fastgw[compress]'" in found[0]
    plain = read(tmp_path, MINIMAL + "filters: {plain: {type: decompress}}").filters[0]
    assert dict(plain.options)["codings"] == ("gzip", "zstd")

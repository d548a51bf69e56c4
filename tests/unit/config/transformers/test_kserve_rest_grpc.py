"""``kserve/rest-grpc`` in the file."""

from __future__ import annotations

from importlib import util
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.transformers import kserve_rest_grpc
from tests.unit.config.files import problems, read, with_route

USED = with_route("transformers: {input: kserve/rest-grpc}")


def test_what_nobody_says(tmp_path: Path) -> None:
    [spec] = read(tmp_path, USED).routes[0].transformers
    assert dict(spec.options) == {"max_message": 16 << 20, "inline_bytes": 64 << 10, "queue": 32}


def test_what_reads_messages_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> Any:
        return None if name == "google.protobuf" else util.find_spec(name)

    monkeypatch.setattr(kserve_rest_grpc, "find_spec", found)
    [problem] = problems(tmp_path, USED)
    assert problem.endswith("needs the package protobuf: pip install 'fastgw[grpc]'")

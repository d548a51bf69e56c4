"""The coverage-guided targets, each for a minute, beginning with the committed corpus."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import fastgw

HERE = Path(__file__).parent
SECONDS = 60
MISSING = "atheris is not installed: pip install -e '.[fuzz]' (it has wheels for CPython on Linux x86-64)"


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize(
    "kind", ["request", "response", "config", "json", "sse", "http2", "hpack", "websocket", "grpc", "mqtt"]
)
def test_nothing_but_the_documented_exceptions_comes_out(kind: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip(MISSING)
    if fastgw.compiled():
        pytest.skip("only Python can be instrumented: this runs with FASTGW_PURE=1")
    found = tmp_path / "corpus"
    found.mkdir()
    command = [
        sys.executable, str(HERE / f"fuzz_{kind}.py"), f"-max_total_time={SECONDS}", "-timeout=10", "-max_len=4096",
        f"-artifact_prefix={tmp_path}/", "-verbosity=0", "-close_fd_mask=1", str(found), str(HERE / "corpus" / kind),
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    artifacts = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert result.returncode == 0, f"{result.stderr[-4000:]}\n{artifacts}"

"""What the package names is there, and costs only who asks for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fastgw.testing


def test_all_that_is_named_is_there() -> None:
    for name in fastgw.testing.__all__:
        assert getattr(fastgw.testing, name).__class__ is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        fastgw.testing.nothing  # noqa: B018


def test_the_loop_alone_reads_no_schema() -> None:
    code = "import sys, fastgw.testing.mock; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pydantic", "fastgw.config.schema"} & set(done.stdout.split())

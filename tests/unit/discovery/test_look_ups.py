"""What a look-up finds, apart from who looks."""

from __future__ import annotations

import subprocess
import sys

from fastgw.core.live.news import SILENT
from fastgw.discovery.look_ups import LookUpError


def test_a_late_answer_is_a_silent_one() -> None:
    error = LookUpError.late(0.5)
    assert (error.cause, error.detail) == (SILENT, "was not answered for by a name server within 0.5 s")


def test_it_does_not_load_who_looks() -> None:
    code = "import sys; import fastgw.server.names; sys.exit('pycares' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

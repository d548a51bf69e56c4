"""What the package gives whoever imports it, and when."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fastgw
from fastgw import app


def test_the_package_has_what_applications_are_made_of() -> None:
    assert (fastgw.App, fastgw.Request, fastgw.Response) == (app.App, app.Request, app.Response)
    with pytest.raises(AttributeError, match="'nothing'"):
        getattr(fastgw, "nothing")  # noqa: B009


def test_who_does_not_ask_for_it_does_not_import_it() -> None:
    code = "import sys, fastgw; assert 'fastgw.app' not in sys.modules; fastgw.App; assert 'fastgw.app' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

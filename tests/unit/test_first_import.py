"""Every module that may be compiled can be the first one imported, in the form that runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fastgw import _pure

ROOT = Path(__file__).resolve().parents[2]

#: Compiled modules import each other's types when they are loaded, so what works in one order may fail in another.
#: A fork of an interpreter that has imported nothing of ours is as good as a new one, and much quicker.
SHOW = """
import importlib, os, sys, traceback
import asyncio, httptools, uvloop  # what is not ours is imported once for all
import fastgw

for name in sys.argv[1:]:
    assert name not in sys.modules, name
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0, name
        continue
    try:
        importlib.import_module(name)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
print(len(sys.argv) - 1)
"""


def modules() -> list[str]:
    """What has C types beside it, and what was compiled."""
    typed = {path.with_suffix("") for path in ROOT.glob("fastgw/**/*.pxd") if path.with_suffix(".py").exists()}
    return sorted({".".join(path.relative_to(ROOT).parts) for path in typed} | set(_pure.extensions()))


def test_any_module_may_be_the_first() -> None:
    names = modules()
    assert "fastgw.core.exchange.relay" in names
    done = subprocess.run(
        [sys.executable, "-c", SHOW, *names], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, str(len(names))), done.stderr

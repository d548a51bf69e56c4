"""The modules of the demo (``examples/demo``) and of its services, for the tests: they are scripts, which import from their own folder."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "examples" / "demo"  #: what ``scripts/demo`` runs

for folder in (DEMO, ROOT / "examples" / "services"):
    sys.path.append(str(folder))


def load(path: str) -> ModuleType:
    """Return the module at a path relative to the checkout; twice the same for the same name."""
    name = Path(path).stem
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / path)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def free_shift() -> int:
    """Return a number that moves all ports of the demo to free ones."""
    demo = load("examples/demo/stack.py")
    ports = (demo.LISTENER, demo.ADMIN, *(service.port for service in demo.SERVICES))
    first = 11_000 + os.getpid() % 9_000  # below the ephemeral ports of Linux, which connections take at random
    return next(shift for shift in range(first, 22_000, 7) if all(demo.is_free(port + shift) for port in ports))

"""``fastgw version``: what is installed."""

from __future__ import annotations

import os
import sys

import fastgw

LIBRARIES = ("uvloop", "httptools", "orjson", "PyYAML", "pydantic", "prometheus_client")


def version() -> str:
    """fastgw, the interpreter, how the hot modules run, and the libraries, a line each."""
    build = "compiled" if fastgw.compiled() else "pure Python"
    lines = [
        f"fastgw {fastgw.__version__} ({build})",
        f"{sys.implementation.name} {sys.version.split()[0]} on {sys.platform}",
    ]
    found = installed(sys.path)
    lines += [f"{name} {found.get(_key(name), 'is not installed')}" for name in LIBRARIES]
    return "\n".join(lines)


def installed(path: list[str]) -> dict[str, str]:
    """Versions of the distributions on ``path``, by the names of their ``.dist-info`` directories.

    That is where an installer records them; ``importlib.metadata`` reads the same, but takes 30 ms to import.
    """
    found: dict[str, str] = {}
    for folder in path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            if name.endswith(".dist-info"):
                distribution, _, number = name.removesuffix(".dist-info").partition("-")
                found.setdefault(_key(distribution), number)
    return found


def _key(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")

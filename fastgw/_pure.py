"""Python or C: which of a module's two forms is imported.

A hot module may exist twice: as source (``x.py``) and, when a compiler was there at installation, as an extension made
from it (``x.cpython-311-...so``); the import system prefers the extension.  With ``FASTGW_PURE=1`` in the environment a
finder in front of the others lets every ``fastgw.*`` module be found as source only.  A module that has no source, such
as the compiled half of a chooser, is then not found, and the chooser takes its Python twin.

This module is ground, like ``fastgw.errors``: it imports nothing of fastgw.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from types import ModuleType

_PACKAGE = os.path.dirname(os.path.abspath(__file__))


class SourceOnlyFinder(MetaPathFinder):
    """Finds the modules below ``fastgw`` as Python source, and refuses to find them as anything else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Return the spec of the source file; raise ModuleNotFoundError where only an extension may exist."""
        if path is None or not fullname.startswith("fastgw."):
            return None
        for folder in path:
            spec = FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES)).find_spec(fullname)
            if spec is not None:
                return spec if spec.loader is not None else None  # None: a folder without __init__, not our matter
        raise ModuleNotFoundError(f"No module named {fullname!r} as source (FASTGW_PURE=1)", name=fullname)


def is_pure() -> bool:
    """Does the environment ask for Python only?"""
    return os.environ.get("FASTGW_PURE", "") not in ("", "0")


def install() -> None:
    """Put the finder in front when ``FASTGW_PURE`` asks for it; called once, by ``fastgw/__init__.py``."""
    if is_pure() and not any(isinstance(finder, SourceOnlyFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, SourceOnlyFinder())


def extensions() -> list[str]:
    """Return the names of the modules that are imported as extensions, sorted: ``["fastgw.wire._scan", ...]``."""
    if is_pure():
        return []
    names = set()
    for folder, _, files in os.walk(_PACKAGE):
        for file in files:
            suffix = next((suffix for suffix in EXTENSION_SUFFIXES if file.endswith(suffix)), None)
            if suffix is not None:
                inside = os.path.relpath(os.path.join(folder, file.removesuffix(suffix)), os.path.dirname(_PACKAGE))
                names.add(inside.replace(os.sep, "."))
    return sorted(names)


def compiled() -> bool:
    """Do the hot modules run as C extensions?"""
    return bool(extensions())

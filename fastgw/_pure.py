"""Python or C: which of a module's two forms is imported.

A hot module may exist twice: as source (``x.py``) and, when a compiler was there at installation, as an extension made
from it (``x.cpython-311-...so``); the import system prefers the extension.  With ``FASTGW_PURE=1`` in the environment the
folders of the package are searched for source only.  A module that has no source, such as the compiled half of a
chooser, is then not found (``find_spec`` gives None), and the chooser takes its Python twin.

This module is ground, like ``fastgw.errors``: it imports nothing of fastgw.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, FileFinder, SourceFileLoader

_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def is_pure() -> bool:
    """Does the environment ask for Python only?"""
    return os.environ.get("FASTGW_PURE", "") not in ("", "0")


def source_only(path: str) -> FileFinder:
    """Return a finder of source files, for the folders of this package; an entry of ``sys.path_hooks``.

    Raises ImportError for every other folder: the next hook is asked.
    """
    folder = os.path.abspath(path)
    if not os.path.isdir(folder) or (folder != _PACKAGE and not folder.startswith(_PACKAGE + os.sep)):
        raise ImportError(f"{path} is no folder of fastgw")
    return FileFinder(path, (SourceFileLoader, SOURCE_SUFFIXES))


def install() -> None:
    """Put the hook in front when ``FASTGW_PURE`` asks for it; called once, by ``fastgw/__init__.py``."""
    if is_pure() and source_only not in sys.path_hooks:
        sys.path_hooks.insert(0, source_only)
        sys.path_importer_cache.pop(_PACKAGE, None)  # it was asked for this module, before there was the hook


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

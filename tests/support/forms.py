"""Which tests say the same whether fastgw is compiled or not, by what is compiled: so that ``scripts/test`` runs these once.

A file of tests is about the module whose name it has (``tests/unit/wire/test_sse.py``: ``fastgw.wire.sse``).  What is about no single
module is counted among what is compiled.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_IMPORT = re.compile(r"^ *(?:from (fastgw[\w.]*) import ([^\n(]+|\([^)]*\))|import (fastgw[\w.]*))", re.MULTILINE)


@cache
def _modules(*kinds: str) -> frozenset[str]:
    paths = (path for kind in kinds for path in ROOT.glob(f"fastgw/**/*{kind}"))
    return frozenset(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)


def compiled() -> frozenset[str]:
    """The modules that may be compiled: what setup.py compiles."""
    return _modules(".pyx") | (_modules(".pxd") & _modules(".py"))


@cache
def has_two_forms(test: Path) -> bool:
    """Is the file about a module that may be compiled, or about no single one?"""
    modules = _about(test)
    return not modules or not compiled().isdisjoint(modules)


@cache
def depends_on_form(test: Path) -> bool:
    """The same, or is it about a module that imports one that may be compiled, by whatever detour?"""
    modules = _about(test)
    return not modules or not compiled().isdisjoint(_imported(test).union(*map(_closure, modules)))


def _about(test: Path) -> list[str]:
    """The modules whose name the file has, with a line before it or without; none if it is about several."""
    parts = test.relative_to(ROOT).with_suffix("").parts
    if parts[:2] != ("tests", "unit"):
        return []
    name = parts[-1].removeprefix("test_")
    names = ("__init__",) if name == "init" else (name, f"_{name}")
    modules = (".".join(("fastgw", *parts[2:-1], one)) for one in names)
    return [module for module in modules if module in _modules(".py", ".pyx")]


def _closure(module: str) -> set[str]:
    """``module`` and all of fastgw that it imports, anywhere in it, and what these import."""
    found, rest = set[str](), [module]
    while rest:
        one = rest.pop()
        if one not in found:
            found.add(one)
            rest.extend(_imported(ROOT.joinpath(*one.split(".")).with_suffix(".py")))
    return found


@cache
def _imported(path: Path) -> frozenset[str]:
    """The modules of fastgw that ``path`` names in an import; of ``from package import name`` both are taken, if there are such."""
    named = set[str]()
    for source, names, alone in _IMPORT.findall(path.read_text()) if path.exists() else ():
        named |= {alone or source, *(f"{source}.{name}" for name in re.findall(r"\w+", names))}
    named |= {f"{name}.__init__" for name in named}
    return frozenset(named & _modules(".py", ".pyx"))

"""Names that must be known: which one is meant where one is not."""

from __future__ import annotations

from collections.abc import Iterable

from fastgw.config.likeness import nearest
from fastgw.config.schema import Configuration
from fastgw.config.source import Document, TreePath
from fastgw.config.unsound import is_unsound
from fastgw.config.values import Expanded, shown


def said(document: Document, where: TreePath, name: str, known: Iterable[str]) -> str:
    """The name as the file has it, and the known one most like it."""
    raw = document.at(where)
    if document.is_full:
        return shown(raw)
    return shown(raw) if isinstance(raw, Expanded) else shown(name) + nearest(name, dict.fromkeys(known))


def check_service(document: Document, config: Configuration, where: TreePath, name: str) -> None:
    """Report ``name`` if no service has it."""
    if not is_unsound(name, config.services) and name not in config.services:
        document.report(where, f"no service named {said(document, where, name, config.services)}")

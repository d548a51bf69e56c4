"""One header field in two spellings: the model of a mapping by name has kept the last only."""

from __future__ import annotations

from fastgw.config.source import Document, TreePath
from fastgw.config.values import shown


def same_fields(document: Document, where: TreePath) -> None:
    """Report each key at ``where`` that is the same field as one before it."""
    found = document.at(where)
    first: dict[str, str] = {}
    for name in found if isinstance(found, dict) else ():
        other = first.setdefault(name.lower(), name)
        if other != name:
            document.report((*where, name), f"is the same header field as {shown(other)}", at_key=True)


def as_written(document: Document, where: TreePath, name: str) -> str:
    """The key at ``where`` that is the field of this lower-case name; the name itself if none is."""
    found = document.at(where)
    return next((key for key in found if key.lower() == name), name) if isinstance(found, dict) else name

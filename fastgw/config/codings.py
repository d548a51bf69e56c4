"""What the filters of content codings have in common in the file."""

from typing import Annotated

from fastgw.config.source import Document, TreePath
from fastgw.config.types import words
from fastgw.config.unsound import is_unsound
from fastgw.filters.codings import CODINGS, missing_package

Coding = Annotated[str, words(*CODINGS)]


def usable() -> list[str]:
    """The codings whose library is installed."""
    return [one for one in CODINGS if not missing_package(one)]


def check_codings(document: Document, where: TreePath, codings: list[str]) -> None:
    """Report where the list does not say what is used: it is empty, or one is in it twice, or lacks its library."""
    if is_unsound(codings):
        return
    if not codings:
        document.report(where, "is empty; it needs at least one coding")
    for place, name in enumerate(codings):
        if is_unsound(name):
            continue
        if name in codings[:place]:
            document.report((*where, place), f"{name!r} is in this list already")
        package = missing_package(name)
        if package:
            document.report((*where, place), f"{name!r} needs the package {package}: pip install 'fastgw[compress]'")

"""Log files that filters name.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import os
import stat
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import count, size
from fastgw.config.unsound import is_missing, is_unsound

_SMALLEST: Final = 64 * 1024  #: bytes of a file that is rotated: what one batch may be
STANDARD: Final = ("stdout", "stderr")
FileSize = Annotated[int, size(_SMALLEST, 1 << 44)]


class Rotate(Model):
    """When another file takes the place of a log that has grown, and what becomes of it."""

    size: FileSize = setting("100MiB", "The file has so much at most.")
    keep: Annotated[int, count(1, 1000)] = setting(
        5, "So many are kept beside it, NAME.1 to NAME.5; the oldest is deleted."
    )


def check_log(document: Document, where: TreePath, path: str, rotate: Rotate | None) -> None:
    """Report where ``path``, of the filter at ``where``, is neither a standard stream nor a file that can be made, or cannot be rotated."""
    if is_unsound(path):
        return
    if path in STANDARD:
        if not is_missing(rotate):
            document.report((*where, "rotate"), f"{path} is no file", at_key=True)
    elif not os.path.isdir(os.path.dirname(path)):
        document.report((*where, "path"), "the directory of the file does not exist")
    elif os.path.isdir(path):
        document.report((*where, "path"), "is a directory, expected a file")
    elif not is_missing(rotate) and os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        document.report((*where, "rotate"), f"{path} is a pipe or a device", at_key=True)


def check_rotations(document: Document, filters: Mapping[str, Any]) -> None:
    """Report filters that write to one file and want it rotated in different ways."""
    found: dict[str, tuple[str, Rotate | None]] = {}
    for name, one in filters.items():
        if is_unsound(one) or not hasattr(one, "rotate") or is_unsound(one.path, one.rotate):
            continue
        first, rotate = found.setdefault(one.path, (name, one.rotate))
        if rotate != one.rotate:
            document.report(("filters", name), f"filters.{first} writes to the same file with another rotate")

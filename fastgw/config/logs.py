"""Log files that filters name."""

import os

from fastgw.config.source import Document, TreePath
from fastgw.config.unsound import is_unsound


def check_log(document: Document, where: TreePath, path: str) -> None:
    """Report where ``path`` is neither a standard stream nor a file that can be made."""
    if is_unsound(path) or path in ("stdout", "stderr"):
        return
    if not os.path.isdir(os.path.dirname(path)):
        document.report(where, "the directory of the file does not exist")
    elif os.path.isdir(path):
        document.report(where, "is a directory, expected a file")

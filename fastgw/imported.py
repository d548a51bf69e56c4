"""Which code of others this process has imported, and whether the disk has another form of it now.

Python cannot take back what it has imported (``importlib.reload`` leaves objects of both forms behind): new code comes in by a new process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

NOTED_MAX = 20_000  #: modules that are remembered; to look at all of them again takes 30 ms

#: Of each module that came with code of others: its file, and time and size of that when it was imported.
_CODE: dict[str, tuple[str, tuple[int, int]]] = {}


def note(names: Sequence[str]) -> None:
    """Remember what the files of modules look like that were imported just now."""
    for name in names[: max(0, NOTED_MAX - len(_CODE))]:
        file = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(file, str) and not name.startswith("fastgw.") and (look := _look(file)) is not None:
            _CODE[name] = file, look


def changed() -> tuple[str, ...]:
    """Modules that came with code of others into this process, and of which the disk has another form now.

    One that is gone has not changed: what is imported is all there is of it.
    """
    return tuple(name for name, (file, look) in _CODE.items() if _look(file) not in (look, None))


def _look(file: str) -> tuple[int, int] | None:
    try:
        about = os.stat(file)
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size

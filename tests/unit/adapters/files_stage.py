"""Routes of static files, as the tests ask them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fastgw.adapters.files import files_service
from fastgw.core.settings import FilesSettings
from fastgw.routing.pattern import parse_path
from fastgw.testing.edge import Edge
from tests.unit.adapters.stage import own

BIG = bytes(range(256)) * 1500  #: 384000 bytes: six pieces


def files(
    root: Path, path: str = "/*", *, index: str = "index.html", max_size: int = 1 << 20, cache: str = "", **options: Any
) -> Edge:
    settings = FilesSettings(str(root), index, max_size, cache)
    return own(files_service(settings, parse_path(path)), path=path, **options)


def finish(edge: Edge) -> None:
    """Nothing is left, no descriptor either."""
    edge.end()
    targets = [
        os.readlink(f"/proc/self/fd/{fd}")
        for fd in os.listdir("/proc/self/fd")
        if os.path.islink(f"/proc/self/fd/{fd}")
    ]
    assert not [one for one in targets if "/public" in one]

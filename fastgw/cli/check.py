"""``fastgw check``: is this file a configuration?"""

from __future__ import annotations

import os
import sys
from collections.abc import Sized


def check(file: str, *, as_json: bool) -> int:
    """Print what is wrong with ``file`` (stderr, or stdout as JSON); return 0 when nothing is, else 1."""
    from fastgw.config.load import inspect

    spec, problems, _ = inspect(file, os.environ)
    if as_json:
        import json

        told = [{"line": one.line, "column": one.column, "path": one.path, "message": one.message} for one in problems]
        print(json.dumps({"file": file, "ok": spec is not None, "problems": told}, indent=2))
    elif spec is not None:
        parts = [_count(spec.listeners, "listener"), _count(spec.routes, "route"), _count(spec.services, "service")]
        print(f"{file}: fine ({', '.join(parts)})")
    else:
        print(*problems, sep="\n", file=sys.stderr)
    return 0 if spec is not None else 1


def _count(things: Sized, name: str) -> str:
    return f"{len(things)} {name}" + ("" if len(things) == 1 else "s")

"""A configuration as it is used: every default filled in, nothing shown that is secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastgw.config.changes import THINGS, named, text, top
from fastgw.config.spec import GatewaySpec


def described(spec: GatewaySpec) -> dict[str, Any]:
    """What ``fastgw diff`` compares, as plain data: the keys of each thing by their paths (``pool.max_connections``)."""
    kinds = [*(field for _, field in THINGS), "versioned"]
    things = {field: {name: _values(one) for name, one in named(spec, field).items()} for field in kinds}
    return {"gateway": _values(top(spec)), **things}


def _values(found: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value if isinstance(value, bool | int | float | None) else text(value) for key, value in found.items()}

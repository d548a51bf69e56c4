"""The path by which a route is looked for."""

from __future__ import annotations

from typing import Final

from fastgw.config.spec import GatewaySpec, ListenerSpec
from fastgw.filters.rewrite import Rewrite

_REWRITE: Final = f"{Rewrite.__module__}:{Rewrite.__qualname__}"  #: as ``FilterSpec.made_by`` has it


def rewritten(spec: GatewaySpec, listener: ListenerSpec, path: bytes) -> bytes:
    """What the filters of a listener that run before routing make of a path; raises WireError."""
    known = {one.name: one for one in spec.filters}
    for name in listener.before_routing if path != b"*" else ():
        if known[name].made_by == _REWRITE:
            path = Rewrite(name, dict(known[name].options)).changed(path)
    return path

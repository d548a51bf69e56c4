"""A guest is what functions of the host take for one."""

from __future__ import annotations

import inspect

from fastgw.wasm.caller import HostCaller
from fastgw.wasm.guest import WasmGuest


def test_a_guest_has_all_that_is_asked_of_it() -> None:
    wanted = {name for name, one in vars(HostCaller).items() if inspect.isfunction(one) and not name.startswith("_")}
    assert (
        wanted and not wanted - set(vars(WasmGuest)) and not set(HostCaller.__annotations__) - set(WasmGuest.__slots__)
    )
    for name in wanted:
        taken = [list(inspect.signature(getattr(one, name)).parameters) for one in (HostCaller, WasmGuest)]
        assert taken[0] == taken[1]

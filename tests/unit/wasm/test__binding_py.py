"""The form by ``ctypes``; what both forms do is in ``test_binding``."""

from __future__ import annotations

import pytest

from fastgw.wasm._binding_py import WasmEngine
from fastgw.wasm.traps import WasmError


def test_more_than_there_is_room_for_is_said() -> None:
    with pytest.raises(WasmError, match="no address space for 1000000 instances"):
        WasmEngine(1_000_000, 1 << 26, 1)

"""The runtime: in C (``_binding.pyx``) where it is compiled, by ``ctypes`` (``_binding_py``) where not."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec("fastgw.wasm._binding") is None:
    from fastgw.wasm._binding_py import WasmEngine, WasmInstance, WasmModule
else:  # found, so it must import: an error in it is not a reason to be slow in silence
    from fastgw.wasm._binding import WasmEngine, WasmInstance, WasmModule

__all__ = ["WasmEngine", "WasmInstance", "WasmModule"]

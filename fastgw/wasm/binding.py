"""The runtime: in C where it is compiled, by ``ctypes`` where not."""

from fastgw.wasm._binding_py import HostFunction, WasmEngine, WasmInstance, WasmModule

__all__ = ["HostFunction", "WasmEngine", "WasmInstance", "WasmModule"]

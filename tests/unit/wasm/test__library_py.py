"""The library as ``ctypes`` has it."""

from __future__ import annotations

import pytest

from fastgw.wasm import _library_py as module


def test_another_library_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "library_path", lambda: "libc.so.6")
    with pytest.raises(ImportError, match="cannot be used"):
        module.declared()


def test_structures_are_as_large_as_those_of_c() -> None:
    import ctypes

    sizes = [
        ctypes.sizeof(one)
        for one in (module.RawValue, module.FuncRef, module.MemoryRef, module.ExternRef, module.InstanceRef)
    ]
    assert sizes == [16, 16, 24, 32, 16]

"""The form by ``ctypes``; what both forms do is in ``test_binding``."""

from __future__ import annotations

import pytest

from fastgw.wasm import _binding_py as module


def test_another_library_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "library_path", lambda: "libc.so.6")
    with pytest.raises(ImportError, match="cannot be used"):
        module.WasmEngine(1, 1 << 16, 1)

"""Where the runtime is, and what is said where it is not."""

from __future__ import annotations

import sys

import pytest

from fastgw.wasm import library


def test_it_is_found_without_the_python_of_its_package() -> None:
    assert library.library_path().endswith(".so") and library.library_problem() == ""


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "find_spec", lambda name: None)
    assert library.library_problem() == "needs the package wasmtime: pip install 'fastgw[wasm]'"


def test_a_machine_it_is_not_made_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library.platform, "machine", lambda: "riscv64")
    assert library.library_problem() == f"the package wasmtime has no library for {sys.platform}-riscv64"


def test_memory_may_be_executed_here() -> None:
    assert library.may_execute()


def test_room_is_asked_for_before_the_runtime_does() -> None:
    assert library.has_room(1) and not library.has_room(1_000_000) and not library.has_room(1 << 62)

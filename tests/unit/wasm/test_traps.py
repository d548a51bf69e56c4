"""Causes of traps."""

from __future__ import annotations

import pytest

from fastgw.wasm.traps import TRAP_CAUSES, WasmTrap, cause_of, words_of


@pytest.mark.parametrize(
    ("code", "cause"),
    [(None, "trap"), (0, "stack"), (1, "memory"), (5, "trap"), (10, "time"), (11, "fuel"), (99, "trap")],
)
def test_a_number_has_a_cause(code: int | None, cause: str) -> None:
    assert cause_of(code) == cause and cause in TRAP_CAUSES


def test_a_trap_says_where_it_was() -> None:
    assert str(WasmTrap("unreachable", frames=("inner", "outer"))) == "unreachable in inner < outer"
    assert str(WasmTrap("it left", "exit")) == "it left" and WasmTrap("it left", "exit").cause == "exit"


def test_the_words_of_the_runtime_are_one_line() -> None:
    told = "error while executing at wasm backtrace:\n    0:  0x1 - f\n\nCaused by:\n    wasm trap: all fuel consumed\0"
    assert words_of(told) == "all fuel consumed"
    assert words_of("bad\n  magic") == "bad magic" and words_of("") == "it does not say why"

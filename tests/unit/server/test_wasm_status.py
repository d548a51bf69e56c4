"""What ``/status`` tells of modules of WebAssembly."""

from __future__ import annotations

from fastgw.core.counters import BRIDGE
from fastgw.core.wasm_counters import EXCHANGES, EXCHANGES_OPEN, TRAPS
from fastgw.server.wasm_status import bridge_block_document, wasm_document
from fastgw.wasm.traps import TRAP_CAUSES


def test_nothing_where_there_is_none() -> None:
    assert wasm_document([0] * BRIDGE.size) is None


def test_traps_by_cause() -> None:
    block = [0] * BRIDGE.size
    block[EXCHANGES - BRIDGE.at], block[EXCHANGES_OPEN - BRIDGE.at] = 9, 2
    block[TRAPS - BRIDGE.at + TRAP_CAUSES.index("fuel")] = 3
    assert wasm_document(block) == {"exchanges": 9, "open": 2, "traps": {"fuel": 3}}
    block[EXCHANGES - BRIDGE.at] = 0
    assert wasm_document(block) is not None  # it traps before there is one


def test_what_is_counted_beside_them() -> None:
    assert list(bridge_block_document([0] * BRIDGE.size)) == ["mqtt", "wasm"]

"""The rows of modules of WebAssembly have places of their own, and so many as they need."""

from __future__ import annotations

from fastgw.core import counters, wasm_counters
from fastgw.wasm.traps import TRAP_CAUSES


def test_they_lie_in_the_room_that_is_kept_for_them() -> None:
    rows = {row.name: row for row in counters.BRIDGE}
    traps, first = rows["fastgw_wasm_traps"], rows["fastgw_wasm_exchanges"]
    at = counters.BRIDGE.at
    assert (traps.index + at, first.index + at) == (wasm_counters.TRAPS, wasm_counters.EXCHANGES)
    assert first.index == counters.MQTT.size and traps.index + len(TRAP_CAUSES) <= counters.WASM.size

"""Rows of the table of counters (``core.counters``) that are of modules of WebAssembly (``filters.wasm``).  They have a place in a block of
the worker, so their numbers are places in the slab."""

from __future__ import annotations

from typing import Final

from fastgw.core.counters import WASM
from fastgw.wasm.traps import TRAP_CAUSES

_AT: Final = WASM.at

EXCHANGES = _AT + WASM.counter(
    "fastgw_wasm_exchanges", "Requests that met a filter `wasm`, and got an instance.", "See [WebAssembly](wasm.md)."
)
EXCHANGES_OPEN = _AT + WASM.gauge("fastgw_wasm_exchanges_open", "Those under way now.")
TRAPS = _AT + WASM.counter(
    "fastgw_wasm_traps",
    "Calls of modules that did not return, by why.",
    "Each [cause](wasm.md#when-a-module-fails) is explained there; `fastgw_filter_failures` has them by filter.",
    label="cause",
    values=TRAP_CAUSES,
)

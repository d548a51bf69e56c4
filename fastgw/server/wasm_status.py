"""What ``/status`` tells of modules of WebAssembly, and of all that is counted in the same block: bridges and tunnels of MQTT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastgw.core import wasm_counters as rows
from fastgw.core.counters import WASM
from fastgw.server.bridge_status import bridge_document
from fastgw.server.tunnel_status import tunnel_document
from fastgw.wasm.traps import TRAP_CAUSES


def bridge_block_document(block: Sequence[int]) -> dict[str, Any]:
    """All of ``block``, the counters of all workers."""
    return {"mqtt": {**bridge_document(block), **tunnel_document(block)}, "wasm": wasm_document(block)}


def wasm_document(block: Sequence[int]) -> dict[str, Any] | None:
    """Of ``block``, the counters of all workers; None where there never was a filter that has one."""
    at = WASM.at
    if not block[rows.EXCHANGES - at] and not any(block[rows.TRAPS - at + place] for place in range(len(TRAP_CAUSES))):
        return None
    traps = {cause: block[rows.TRAPS - at + place] for place, cause in enumerate(TRAP_CAUSES)}
    return {
        "exchanges": block[rows.EXCHANGES - at],
        "open": block[rows.EXCHANGES_OPEN - at],
        "traps": {cause: count for cause, count in traps.items() if count},
    }

"""How a module cannot be used, and how a call of one ends that does not return."""

from __future__ import annotations

from typing import Final

#: What counters tell apart; the first is whatever is none of the others.
TRAP_CAUSES: Final = ("trap", "fuel", "time", "memory", "stack", "exit", "refused", "instances", "copied", "paused")

#: How ``wasmtime_trap_code`` numbers what it knows (wasmtime's ``trap.h``), as far as it has a cause of its own here.
_CAUSE_OF_CODE: Final = {0: "stack", 1: "memory", 10: "time", 11: "fuel"}


class WasmError(Exception):
    """A module cannot be used: it does not validate, imports what is not here, is too large, or refuses its configuration."""


class WasmTrap(Exception):
    """A call into a module ended in the middle.

    Attributes:
        cause: one of ``TRAP_CAUSES``.
        frames: names of functions, the innermost first.
    """

    def __init__(self, message: str, cause: str = TRAP_CAUSES[0], frames: tuple[str, ...] = ()) -> None:
        where = f" in {' < '.join(frames)}" if frames else ""
        super().__init__(f"{message}{where}")
        self.cause = cause
        self.frames = frames


def cause_of(code: int | None) -> str:
    """The cause of a trap with this number; None: it has none."""
    return _CAUSE_OF_CODE.get(-1 if code is None else code, TRAP_CAUSES[0])


def words_of(message: str) -> str:
    """The words of the runtime that say what is wrong: what it says last, in one line."""
    said = " ".join(message.rpartition("Caused by:")[2].replace("\0", "").split())
    return said.removeprefix("wasm trap: ") or "it does not say why"

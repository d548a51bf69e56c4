"""How the configuration was loaded: the last times that the file was loaded: what it has changed, or why it was refused."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastgw.config.spec import GatewaySpec
from fastgw.server.standings import stamp

KEPT: Final = 10  #: loads
MOST_LINES: Final = 50  #: of one of them


@dataclass(slots=True)
class LoadReport:
    """How the last attempt to load a configuration went."""

    ok: bool = True
    when: float = 0.0  #: seconds since 1970
    problems: tuple[str, ...] = ()
    went_back: bool = False  #: it was used, and made too many errors
    rehearsal: Mapping[str, Any] | None = None  #: as ``server.rehearsing.Rehearsed`` has it; None: there was none
    by: str = "start"  #: who wanted it: ``start``, ``signal``, ``command`` (or the admin address), ``watch``, ``guard``; or some of them


class History:
    """Of one gateway, the newest first."""

    def __init__(self) -> None:
        self._kept: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def refused(self, generation: int, problems: Sequence[str], by: str) -> None:
        """The file has mistakes, or did harm; ``generation``: what stays in use; ``by``: as in ``LoadReport``."""
        self._keep(generation, False, problems, by)

    async def done(self, generation: int, old: GatewaySpec, new: GatewaySpec, by: str) -> None:
        """``new`` is in use instead of ``old``."""
        import asyncio  # only who reloads pays for these

        from fastgw.config.changes import changes

        self._keep(generation, True, await asyncio.to_thread(changes, old, new), by)

    def _keep(self, generation: int, is_ok: bool, lines: Sequence[str], by: str) -> None:
        told = list(lines[:MOST_LINES])
        if len(lines) > MOST_LINES:
            told.append(f"and {len(lines) - MOST_LINES} more")
        when = stamp(time.time())
        self._kept.appendleft({"when": when, "ok": is_ok, "by": by, "generation": generation, "lines": told})

    def document(self) -> list[dict[str, Any]]:
        """As plain data."""
        return list(self._kept)

"""Do the host names of a configuration resolve?  Asked by ``fastgw check`` only, as the gateway asks, and never for long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    LookUp = Callable[[str, Sequence[str], float], Awaitable[object]]

PATIENCE: Final = 3.0  #: seconds, for all names together
AT_ONCE: Final = 32  #: look-ups under way


def unresolved(
    names: Sequence[str], servers: Sequence[str] = (), patience: float = PATIENCE, look_up: LookUp | None = None
) -> Mapping[str, str]:
    """The names that have no address, each with the reason, which ends a sentence that begins with the name.

    ``servers``: those of ``resolver.servers``.  ``look_up``: by c-ares, as the gateway does.
    """
    return asyncio.run(_unresolved(names, servers, patience, look_up or _by_c_ares()))


def _by_c_ares() -> LookUp:
    from fastgw.discovery.resolver import look_up

    return look_up


async def _unresolved(
    names: Sequence[str], servers: Sequence[str], patience: float, look_up: LookUp
) -> Mapping[str, str]:
    from fastgw.discovery.look_ups import LookUpError

    found = dict.fromkeys(names, f"did not resolve within {patience:g} s")
    waiting = iter(names)

    async def work() -> None:
        for name in waiting:
            try:
                await look_up(name, servers, patience)
                found[name] = ""
            except LookUpError as error:
                found[name] = error.detail

    try:
        async with asyncio.timeout(patience):
            await asyncio.gather(*(work() for _ in range(min(AT_ONCE, len(names)))))
    except TimeoutError:
        pass  # what has no answer keeps its reason
    return {name: reason for name, reason in found.items() if reason}

"""Whom to ask for a request that some members of many have failed.

Of a few members those that were asked are left out, and the balancer takes one of the others.  Of ``MANY`` that would cost as much as there
are members, and as much again for the balancer, which knows a tuple by its identity: it would learn this one, and then anew all that are
ready.  So one of all is taken, as for any request, until it is one that was not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

MANY: Final = 32  #: so many members, or more
DRAWS: Final = 4  #: until those that are left are looked for after all, as where a balancer insists on one member


def another(
    ready: Sequence[Any],
    tried: Sequence[Any],
    pick: Callable[[Sequence[Any]], Any],
    pick_for: Callable[[Sequence[Any], Any], Any] | None = None,
    exchange: Any = None,
) -> Any:
    """One of ``ready`` that is none of ``tried``; None: none was found.

    ``pick``: takes one of those that it is given; ``pick_for``: asked instead, for ``exchange``, unless it is None."""
    for _ in range(DRAWS):
        one = pick(ready) if pick_for is None else pick_for(ready, exchange)
        if one not in tried:
            return one
    return None

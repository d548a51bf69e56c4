"""What a worker is told of things that the supervisor keeps for its filters, and what these want: keys of tokens, links with a Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastgw.config.spec import GatewaySpec
from fastgw.filters.key_sets import KEY_SETS
from fastgw.filters.leases import LEASES
from fastgw.server.messages import Asked, Fetched, Linked, Wanted

KINDS: Final = (Fetched, Linked)


def begin(send: Callable[[Wanted | Asked], None]) -> None:
    """Let the supervisor know what filters want, by ``send``."""
    KEY_SETS.on_wanted = lambda key_set: send(Wanted(key_set))
    LEASES.on_asked = lambda asks: send(Asked(asks))


def learn(message: Fetched | Linked) -> None:
    """Take what the supervisor tells."""
    if isinstance(message, Fetched):
        KEY_SETS.learn(message.news)
    else:
        LEASES.learn(message.news)


def retain(spec: GatewaySpec) -> None:
    """Forget what a configuration does not have."""
    KEY_SETS.retain(spec.key_sets)
    LEASES.retain(spec.redis)

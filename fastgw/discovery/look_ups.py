"""What a look-up of a name finds, for those who must not load who looks it up: that is 30 ms and 4 MB."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from fastgw.core.live.news import SILENT

FAILED: Final = "failed"  #: cause of a failed look-up that is neither "not_found" nor "silent"


class Found(NamedTuple):
    """What a look-up found."""

    addresses: tuple[str, ...]  #: in the order of RFC 6724: what can be reached from here first
    ttl: float  #: seconds for which it is good; 0: nothing is said about that, as in ``/etc/hosts``


class SrvTarget(NamedTuple):
    """A record SRV (RFC 2782): one place where a service is."""

    host: str  #: empty: the service is decidedly not available
    port: int
    priority: int  #: the lowest is used first
    weight: int


class FoundTargets(NamedTuple):
    """What a look-up of a service found."""

    targets: tuple[SrvTarget, ...]
    ttl: float  #: seconds for which they are good


class LookUpError(Exception):
    """A look-up found nothing: ``cause`` is a word, ``detail`` ends a sentence that begins with the name."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail

    @classmethod
    def late(cls, limit: float) -> LookUpError:
        """Nobody answered within ``limit`` seconds."""
        return cls(SILENT, f"was not answered for by a name server within {limit:g} s")


LookUp = Callable[[str, Sequence[str], float], Awaitable[Found]]

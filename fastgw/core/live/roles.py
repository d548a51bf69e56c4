"""What ``Members`` ask of the policies that are told how tries end.

Apart from them because only the types are checked by this: a worker need not have it in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from fastgw.core.live.news import Finding
    from fastgw.errors import GatewayError


class Judge(Protocol):
    """A policy that asks how tries end: of it a breaker, or a balancer that knows how fast members are, can be made."""

    def settle(self, endpoint: Any, outcome: GatewayError | int, seconds: float) -> None:
        """See ``Members.settle``."""


class Breakers(Judge, Protocol):
    """What leaves out those that fail too often, everybody perhaps (``live.breaking``)."""

    settings: Any
    base: int

    @property
    def is_looking(self) -> bool:
        """Whether it must be told of calls under way."""

    def look(self, endpoint: Any, sent: float) -> None:
        """A call is under way since ``sent``; everything that is, is told of before ``sweep``."""

    def sweep(self, now: float) -> None:
        """Do what is due; coarse loop time."""

    def hear(self, endpoint: Any, finding: Finding) -> None:
        """Another worker has found that of ``endpoint``, or, None, of all."""

    def dismiss(self) -> None:
        """There is another, or none, from now on."""

    def pickable(self, reachable: tuple[Any, ...]) -> tuple[Any, ...]:
        """Those of ``reachable`` that may be picked now, or who stands for them."""

    def untried(self, reachable: tuple[Any, ...], others: tuple[Any, ...], tried: tuple[Any, ...]) -> tuple[Any, ...]:
        """Who is left to be asked after ``tried``: of the reachable, else of the ``others``."""


class Outliers(Judge, Protocol):
    """What leaves out those that fail or are slow where their siblings are not (``live.outlying``)."""

    settings: Any

    def sweep(self) -> None:
        """Do what is due."""

    def hear(self, endpoint: Any, finding: Finding) -> None:
        """Another worker has found that of ``endpoint``."""

    def dismiss(self) -> None:
        """There is another, or none, from now on."""

    def left(self, members: Sequence[Any]) -> list[Any]:
        """Those of ``members`` that may be asked, as a trial perhaps."""

    def guarded(self, members: tuple[Any, ...]) -> tuple[Any, ...]:
        """``members``, with who stands for those on trial in their places."""

    def settled(self, members: Sequence[Any]) -> tuple[Any, ...]:
        """Those of ``members`` that are neither left out nor on trial."""

    def take(self, endpoint: Any) -> None:
        """``endpoint`` is asked; if it is on trial, that is the trial."""

"""Which members of its service a request to a model may go to: those that say that they have it; and what they have, for the list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fastgw.core.models.asked import NOTE
from fastgw.policy.having import TABLES, Having, ModelTable
from fastgw.routing.by_model import STAR

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


def by_model(
    service: str,
    members: Any,
    make: Callable[[Any], Callable[[Sequence[Any], Any], Any]],
    otherwise: Callable[[Sequence[Any], Any], Any],
) -> Callable[[Sequence[Any], Any], Any]:
    """What picks a member that has the model which the request is sent with; ``make``, ``otherwise``: see ``Having``."""
    pick_having = Having(TABLES.of(service), members, make, otherwise).pick

    def pick(candidates: Sequence[Any], exchange: Exchange) -> Any:
        notes = exchange.notes
        asked = notes.get(NOTE) if notes is not None else None
        if asked is None or not asked.sent_as:
            return otherwise(candidates, exchange)
        return pick_having(candidates, asked.sent_as, exchange)

    return pick


class ToldNames:
    """The names that clients may ask for by patterns, as far as members have said what they have."""

    __slots__ = ("_found", "_patterns", "_seen")

    def __init__(self, patterns: Sequence[tuple[str, str, str]]) -> None:
        """``patterns``: of each its service, its name, and the name that it has there; empty: the same."""
        self._patterns = tuple([(TABLES.of(service), name, sent_as or name) for service, name, sent_as in patterns])
        self._seen: tuple[Any, ...] = ()
        self._found: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Each once; the same tuple until there are others."""
        seen = tuple([table.names for table, _, _ in self._patterns])
        if seen != self._seen:
            self._seen = seen
            found = [one for table, name, sent_as in self._patterns for one in _names(table, name, sent_as)]
            self._found = tuple(dict.fromkeys(found))
        return self._found


def _names(table: ModelTable, name: str, sent_as: str) -> list[str]:
    """What clients call the models of ``table`` that the pattern ``name``, sent as ``sent_as``, leads to."""
    begin, star, end = sent_as.partition(STAR)
    if not star:
        return []  # all that it takes is one model there, which nobody can tell by its name
    shortest = len(begin) + len(end)
    return [
        name.replace(STAR, one[len(begin) : len(one) - len(end)])
        for one in table.names
        if len(one) >= shortest and one.startswith(begin) and one.endswith(end)
    ]

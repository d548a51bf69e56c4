"""A choice that the name of a model makes: by the name itself, by a pattern with one ``*``, or for whoever names none."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Generic, TypeVar

T = TypeVar("T")

DEFAULT: Final = "default"  #: the name for requests that have none
STAR: Final = "*"
_LIKE: Final = 0.6  #: how like a name has to be to be offered for another (``difflib``)
_COMPARED_MAX: Final = 32  #: names that one is compared with


class ByModel(Generic[T]):
    """Choices by the names of models; of patterns that fit the one with the most text wins."""

    __slots__ = ("_exact", "_patterns", "names")

    def __init__(self, choices: Mapping[str, T]) -> None:
        """``choices``: by name, or by pattern: text with one ``*``, which stands for any text, none included."""
        self._exact = {name: one for name, one in choices.items() if STAR not in name}
        self._patterns = _ordered((name, one) for name, one in choices.items() if STAR in name)
        self.names: tuple[str, ...] = tuple(name for name in self._exact if name != DEFAULT)

    def find(self, name: str) -> tuple[T, str] | None:
        """The choice for ``name``, and what the ``*`` of its pattern stands for, else nothing; None: there is none."""
        one = self._exact.get(name)
        if one is not None:
            return one, ""
        for begin, end, choice in self._patterns:
            if len(name) >= len(begin) + len(end) and name.startswith(begin) and name.endswith(end):
                return choice, name[len(begin) : len(name) - len(end)]
        return None

    @property
    def default(self) -> T | None:
        """The choice for requests that name no model; None: there is none."""
        return self._exact.get(DEFAULT)

    def choice(self, name: str) -> T:
        """The choice for one of ``names``."""
        return self._exact[name]

    def nearest(self, name: str, among: Sequence[str] | None = None) -> str:
        """The name most like ``name``, which is none, of ``among``, or (None) of all; empty: none is like it."""
        from difflib import get_close_matches  # which only a mistake needs

        names = self.names if among is None else among
        found = get_close_matches(name, names if len(names) <= _COMPARED_MAX else _beside(name, names), 1, _LIKE)
        return found[0] if found else ""


def _beside(name: str, names: Sequence[str]) -> list[str]:
    """Of many ``names`` those that begin or end most like ``name``: each comparison takes long, and clients can cause any number."""
    found: dict[str, None] = {}
    for step in (1, -1):
        ordered = sorted(names, key=lambda one: one[::step])
        place = bisect_left(ordered, name[::step], key=lambda one: one[::step])
        found |= dict.fromkeys(ordered[max(0, place - _COMPARED_MAX // 4) : place + _COMPARED_MAX // 4])
    return list(found)


def _ordered(patterns: Iterable[tuple[str, T]]) -> tuple[tuple[str, str, T], ...]:
    """What stands in front of the ``*`` and behind it, and the choice; those with more text first, then those with more in front."""
    cut = []
    for name, one in patterns:
        begin, _, end = name.partition(STAR)
        cut.append((begin, end, one))
    return tuple(sorted(cut, key=lambda pattern: (-len(pattern[0]) - len(pattern[1]), -len(pattern[0]), pattern[0])))

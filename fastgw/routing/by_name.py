"""A choice that a parameter of the path names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from fastgw.routing.pattern import Pattern

T = TypeVar("T")


class ByName(Generic[T]):
    """Choices with names, of which the value of one parameter of a route's path is one, or is none.

    Names have unreserved characters only (RFC 3986 section 2.3), which the normal form of a path never escapes: what is the
    same name is the same bytes.
    """

    __slots__ = ("_choices", "_parameter", "_pattern", "choices")

    def __init__(self, pattern: Pattern, parameter: str, choices: Mapping[str, T]) -> None:
        """``pattern``: of the route, with ``{parameter}`` in it."""
        self._pattern = pattern
        self._parameter = parameter
        self._choices = {name.encode(): one for name, one in choices.items()}
        self.choices: Sequence[T] = tuple(choices.values())

    def choose(self, path: bytes) -> T | None:
        """What ``path``, which the pattern matches, names; None: nothing here is called so."""
        return self._choices.get(self._pattern.params(path)[self._parameter])

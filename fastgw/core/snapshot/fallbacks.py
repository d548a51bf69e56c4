"""The routes of a listener for requests that none of its own takes: their errors are those of the routes they are nearest to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fastgw.routing.nearest import Nearest
from fastgw.routing.rule import accepted
from fastgw.steps import Steps, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgw.routing import Router

R = TypeVar("R")  #: a route


class Fallbacks(Generic[R]):
    """The routes of a listener for what matches none: one for each way its routes tell errors, alike but for that."""

    __slots__ = ("_by_format", "_nearest", "first")

    def __init__(self, router: Router[Any], make: Callable[[str], R]) -> None:
        """``make``: the fallback route with the error format it is given."""
        whole(self._fill(router, make))

    @classmethod
    def made(cls, router: Router[Any], make: Callable[[str], R]) -> Steps[Fallbacks[R]]:
        """The same, made in steps."""
        found = cls.__new__(cls)
        yield from found._fill(router, make)
        return found

    def _fill(self, router: Router[Any], make: Callable[[str], R]) -> Steps[None]:
        formats = {rule.payload.settings.errors for rule in router.rules} or {"problem"}
        self._by_format = {word: make(word) for word in formats}
        self._nearest: Nearest | None = None
        if len(formats) > 1:
            lines = ((rule.host, rule.path, rule.payload.settings.errors) for rule in router.rules)
            self._nearest = yield from Nearest.made(lines)
        #: Of what has no path either: the format of all routes, or a problem document.
        word = next(iter(formats)) if len(formats) == 1 else "problem"
        self.first = self._by_format.get(word) or make(word)

    def find(self, host: bytes, path: bytes) -> R:
        """The route of a request that no rule matches."""
        if self._nearest is None:
            return self.first
        return self._by_format[self._nearest.find(host, path)]


def allowed(router: Router[Any], served: frozenset[bytes]) -> str:
    """The methods that some path of a listener takes, as ``Allow`` lists them: the answer to ``OPTIONS *`` (RFC 9110 section 9.3.7)."""
    kinds = {rule.methods for rule in router.rules}
    if frozenset() in kinds:
        names = {method.decode() for method in served}
    else:
        names = {"OPTIONS"}.union(*map(accepted, kinds))
    return ", ".join(sorted(names))

"""What tokens cost: a price for each model, by its name or by how that begins, for a million tokens, in whatever currency.

Costs are as exact as the prices: whole numbers of a billionth of the unit, in which a token at 0.001 for a million still counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

DIGITS: Final = 9  #: behind the point, of a cost
_KNOWN_MAX: Final = 256  #: names whose price is remembered; beyond, it is looked for


class Price(NamedTuple):
    """For a million tokens."""

    input: float
    output: float
    cached: float  #: of tokens of the prompt that a cache had


class Prices:
    """The prices of all models."""

    __slots__ = ("_begins", "_exact", "_known")

    def __init__(self, prices: Iterable[tuple[str, Iterable[tuple[str, float]]]]) -> None:
        """``prices``: name of a model, or how it begins and an asterisk, with the fields of its ``Price``."""
        found: Mapping[str, Price] = {name: Price(**dict(fields)) for name, fields in prices}
        self._exact = {name: price for name, price in found.items() if not name.endswith("*")}
        begins = [(name[:-1], price) for name, price in found.items() if name.endswith("*")]
        self._begins = sorted(begins, key=lambda one: -len(one[0]))
        self._known: dict[str, Price | None] = {}

    def of(self, model: str) -> Price | None:
        """That of ``model``: of its own name, or else of the longest beginning; None: it has none."""
        price = self._exact.get(model)
        if price is not None or not self._begins:
            return price
        if model not in self._known:
            found = next((price for begin, price in self._begins if model.startswith(begin)), None)
            if len(self._known) >= _KNOWN_MAX:
                return found
            self._known[model] = found
        return self._known[model]

    def cost(self, model: str, asked: str, prompt: int, cached: int, completion: int) -> float | None:
        """What so many tokens cost: of a prompt, of which a cache had ``cached``, and of what was generated; None: nobody has said a price.

        ``model``: that has answered, as its service calls it; ``asked``: as the client does, whose price it has where it has none itself.
        """
        price = self.of(model) or self.of(asked)
        if price is None:
            return None
        total = (prompt - cached) * price.input + cached * price.cached + completion * price.output
        return round(total / 1e6, DIGITS)

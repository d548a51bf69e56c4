"""Networks in the file: one, or a list of some.  ``fastgw.filters.networks`` looks addresses up in them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastgw.config.address_values import network
from fastgw.config.types import Parsed
from fastgw.config.values import Expanded, shown
from fastgw.filters.networks import EVERYBODY

MOST_NETWORKS: Final = 10_000  #: of one filter


def networks(value: object) -> tuple[str, ...]:
    """Parser of one network or a list of some; ``all`` is one that has every address."""
    if not isinstance(value, list):
        return (_one(value),)
    if len(value) > MOST_NETWORKS:
        raise ValueError(f"has {len(value)} networks, and {MOST_NETWORKS} are the most")
    return tuple(map(_one, value))


def _one(value: object) -> str:
    if value == EVERYBODY:
        return EVERYBODY
    try:
        return network(value)
    except ValueError:
        if isinstance(value, str) and not isinstance(value, Expanded) and value.lower() in ("any", "*", "all"):
            raise ValueError(
                f"expected a network such as 10.0.0.0/8, one address, or all, got {shown(value)}"
            ) from None
        raise


_TEXT: Final[dict[str, Any]] = {"type": "string", "examples": ["10.0.0.0/8", "2001:db8::/32", EVERYBODY]}

NetworkList = Annotated[tuple[str, ...], Parsed(networks, anyOf=[_TEXT, {"type": "array", "items": _TEXT}])]

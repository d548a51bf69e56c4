"""``per``: what a limit counts for itself.  ``fastgw.filters.keys`` makes keys of it."""

from __future__ import annotations

from typing import Annotated

from fastgw.config.types import Parsed
from fastgw.config.values import field_name, one_of, scalar

_WORDS = ("route", "listener", "filter", "address")


def _per(value: object) -> str:
    """One of a few words, or ``header:<name>``."""
    found = scalar(value, f"{', '.join(_WORDS)} or header:<name>")
    source, colon, name = found.partition(":")
    if source == "header" and colon:
        return f"header:{field_name(name)}"
    return one_of(*_WORDS, "header:<name>")(value)


Per = Annotated[str, Parsed(_per, type="string", pattern=r"^(route|listener|filter|address|header:.+)$|\$\{")]

"""What the file says of a filter of type ``concurrency``."""

from typing import Annotated, ClassVar, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import setting
from fastgw.config.types import Parsed, PositiveDuration, count
from fastgw.config.values import field_name, one_of, scalar

_WORDS = ("route", "listener", "filter", "address")


def _per(value: object) -> str:
    """One of a few words, or ``header:<name>``."""
    found = scalar(value, f"{', '.join(_WORDS)} or header:<name>")
    source, colon, name = found.partition(":")
    if source == "header" and colon:
        return f"header:{field_name(name)}"
    return one_of(*_WORDS, "header:<name>")(value)


class Concurrency(FilterOptions):
    """Lets only so many requests through at one time, counted over all workers."""

    made_by: ClassVar[str] = "fastgw.filters.concurrency:Concurrency"
    type: Literal["concurrency"] = setting(..., "concurrency")
    max: Annotated[int, count(1, 1_000_000)] = setting(..., "Requests under way at one time; more are refused at once.")
    per: Annotated[str, Parsed(_per, type="string", pattern=r"^(route|listener|filter|address|header:.+)$|\$\{")] = (
        setting(
            "route",
            "What has max of its own: each route, each listener, this filter as a whole, each client address, or each value of "
            "a field (header:name).",
        )
    )
    status: Annotated[str, Parsed(one_of("429", "503"), enum=[429, 503])] = setting(
        "429", "What is answered to those that are refused."
    )
    retry_after: PositiveDuration = setting("1s", "When they are told to come back (Retry-After, whole seconds).")

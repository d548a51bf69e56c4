"""What the file says of a filter of type ``concurrency``."""

from typing import Annotated, ClassVar, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import setting
from fastgw.config.per import Per
from fastgw.config.types import Parsed, PositiveDuration, count
from fastgw.config.values import one_of


class Concurrency(FilterOptions):
    """Lets only so many requests through at one time, counted over all workers."""

    made_by: ClassVar[str] = "fastgw.filters.concurrency:Concurrency"
    type: Literal["concurrency"] = setting(..., "concurrency")
    max: Annotated[int, count(1, 1_000_000)] = setting(..., "Requests under way at one time; more are refused at once.")
    per: Per = setting(
        "route",
        "What has max of its own: each route, each listener, this filter as a whole, each client address, each API key, "
        "each value of a field, a claim or a note (header:name, claim:name, note:name); a list: these together.",
    )
    status: Annotated[str, Parsed(one_of("429", "503"), enum=[429, 503])] = setting(
        "429", "What is answered to those that are refused."
    )
    retry_after: PositiveDuration = setting("1s", "When they are told to come back (Retry-After, whole seconds).")

    def does(self) -> str:
        """How many, of what."""
        return f"refuses more than {self.max} at one time, per {' and '.join(self.per)}"

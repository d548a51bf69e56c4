"""What the file says of copies of requests.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Annotated

from fastgw.config.model import Model, setting
from fastgw.config.types import Name, Percentage, Size, count, words


class Copies(Model):
    """Which requests are copied, and how much of a worker that may take."""

    share: Percentage = setting("100%", "How many of the requests: by chance, or by the route's sticky key.")
    max_body: Size = setting("64KiB", "Bytes of a request body; a request with more is not copied.")
    max_in_flight: Annotated[int, count(1, 100_000)] = setting(
        64, "Copies under way, in each worker; what would be one more is not copied."
    )
    credentials: Annotated[str, words("drop", "keep")] = setting(
        "drop", "What copies have of Authorization, Cookie, X-Api-Key and the like."
    )


class Shadow(Copies):
    """A version that gets copies of the requests that the other versions get; what it answers is discarded."""

    version: Name = setting(..., "Name of the version; with a weight of 0 copies are all it gets.")

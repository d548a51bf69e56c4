"""What the file says of how it is loaded again.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Annotated

from fastgw.config.model import Model, setting
from fastgw.config.types import Boolean, Duration, Percentage, PollInterval, count


class Reloading(Model):
    """How a new configuration comes into use, and goes again where it does harm."""

    watch: Boolean = setting(
        False, "Load this file again when it, or a file that is read with it, has another content."
    )
    poll_interval: PollInterval = setting(
        "30s",
        "How often watch looks of its own accord, 0: never; every 5 s where no kernel tells of all changes (NFS).",
    )
    guard: Duration = setting(
        "0",
        "How long a new configuration is watched, and left for the one before if it makes more errors. 0: it is not.",
    )
    max_error_increase: Percentage = setting(
        "5%", "So much more of the requests may end in an error than before, in percentage points."
    )
    min_requests: Annotated[int, count(1, 1_000_000)] = setting(
        50, "Requests of the new configuration before their errors say anything."
    )
    rehearse: Duration = setting(
        "0",
        "A new configuration is tried first on the requests that were recorded in so much time until now. 0: it is not.",
    )
    max_lost: Percentage = setting(
        "0%",
        "So many of those that were answered may get no answer from the new configuration; with more it is refused.",
    )

"""What the file says of a filter of type ``server_timing``."""

from typing import ClassVar, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import setting


class ServerTiming(FilterOptions):
    """Has answers say where their time went (``Server-Timing``)."""

    made_by: ClassVar[str] = "fastgw.filters.server_timing:ServerTiming"
    is_built_in: ClassVar[bool] = True
    type: Literal["server_timing"] = setting(..., "server_timing")

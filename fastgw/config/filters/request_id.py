"""What the file says of a filter of type ``request_id``."""

from typing import ClassVar, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import setting


class RequestId(FilterOptions):
    """Gives every request an id, or keeps the one it came with."""

    made_by: ClassVar[str] = "fastgw.filters.request_id:RequestId"
    runs_before_routing: ClassVar[bool] = True
    is_built_in: ClassVar[bool] = True
    type: Literal["request_id"] = setting(..., "request_id")

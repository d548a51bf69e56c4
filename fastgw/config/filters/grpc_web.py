"""What the file says of a filter of type ``grpc_web``."""

from typing import ClassVar, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import setting


class GrpcWeb(FilterOptions):
    """Lets pages in browsers call services of gRPC, by gRPC-Web."""

    made_by: ClassVar[str] = "fastgw.filters.grpc_web:GrpcWeb"
    is_built_in: ClassVar[bool] = True
    runs_before_routing: ClassVar[bool] = True
    type: Literal["grpc_web"] = setting(..., "grpc_web")

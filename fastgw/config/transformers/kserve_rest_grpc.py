"""What the file says of the transformer ``kserve/rest-grpc``."""

from importlib.util import find_spec
from typing import Annotated, ClassVar, Literal

from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.transformers.entry import TransformerOptions
from fastgw.config.types import count, size


class KserveRestGrpc(TransformerOptions):
    """Makes calls of a model server by gRPC of the REST of the Open Inference Protocol, with binary tensors."""

    made_by: ClassVar[str] = "fastgw.transformers.kserve_rest_grpc:KserveRestGrpc"
    sides: ClassVar[tuple[str, ...]] = ("input",)
    takes: ClassVar[tuple[str, ...]] = ("application/json", "application/octet-stream")
    makes: ClassVar[tuple[str, ...]] = ("application/grpc",)
    gathers: ClassVar[bool] = True
    is_last: ClassVar[bool] = True
    name: Literal["kserve/rest-grpc"] = setting(..., "kserve/rest-grpc")
    max_message: Annotated[int, size(1, 256 << 20)] = setting(
        "16MiB", "Bytes of a message, and of the body of a request (413; 502 of an answer)."
    )
    inline_bytes: Annotated[int, size(0, 1 << 20)] = setting(
        "64KiB", "Bodies with no more are transcoded on the loop, larger ones in a thread."
    )
    queue: Annotated[int, count(0, 10_000)] = setting(32, "Bodies that may wait for that; more are refused (503).")

    def check(self, document: Document, where: TreePath) -> None:
        """The messages can be read."""
        if find_spec("google") is None or find_spec("google.protobuf") is None:
            document.report((*where, "name"), "needs the package protobuf: pip install 'fastgw[grpc]'")

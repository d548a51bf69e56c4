"""What the file says of the transformer ``grpc/json-transcoder``."""

from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal

from pydantic import PrivateAttr

from fastgw.config.descriptors import read_descriptors
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.transformers.entry import TransformerOptions
from fastgw.config.types import Parsed, PositiveDuration, ReadFile, count, size, words
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.config.urls import CalledUrl, ca_problem
from fastgw.config.values import text

_ServiceName = Annotated[str, Parsed(text("the full name of a service", longest=400), type="string")]
_STREAMS = ("ndjson", "sse", "json")


class GrpcJsonTranscoder(TransformerOptions):
    """Makes calls of gRPC of JSON over HTTP, and JSON of their answers."""

    made_by: ClassVar[str] = "fastgw.transformers.grpc_json_transcoder:GrpcJsonTranscoder"
    sides: ClassVar[tuple[str, ...]] = ("input",)
    takes: ClassVar[tuple[str, ...]] = ("application/json",)
    makes: ClassVar[tuple[str, ...]] = ("application/grpc",)
    is_last: ClassVar[bool] = True
    name: Literal["grpc/json-transcoder"] = setting(..., "grpc/json-transcoder")
    descriptors: ReadFile = setting(
        "", "A file with what protoc --include_imports --descriptor_set_out makes, or a .proto; read at each load."
    )
    reflection: CalledUrl | None = setting(
        None, "In its place: a server that says what it has (grpc.reflection): https, or http on this host."
    )
    ca: ReadFile = setting("", "PEM file of the authorities that it is trusted by. Default: the system's.")
    refresh: PositiveDuration = setting("60s", "Time between two times that it is asked.")
    services: list[_ServiceName] = setting(
        [], "Full names of the services that are asked for. Default: all in the file."
    )
    unknown_fields: Annotated[str, words("refuse", "ignore")] = setting(
        "refuse", "What becomes of a key of JSON or of the query that no field has: 400, or it is passed over."
    )
    defaults: Annotated[str, words("omit", "print")] = setting("omit", "Fields of answers that have no value.")
    enums: Annotated[str, words("names", "numbers")] = setting("names", "How answers have values of enums.")
    names: Annotated[str, words("json", "proto")] = setting(
        "json", "How answers have names of fields: pageSize, or page_size as the .proto. Both are read."
    )
    stream: Annotated[str, words(*_STREAMS)] = setting(
        "ndjson", "How a stream of answers is written for a client whose Accept names none of the three forms."
    )
    max_message: Annotated[int, size(1, 64 << 20)] = setting(
        "4MiB", "Bytes of a message, and of the JSON of one (413; 502 of an answer)."
    )
    inline_bytes: Annotated[int, size(0, 1 << 20)] = setting(
        "64KiB", "Bodies with no more are transcoded on the loop, larger ones in a thread."
    )
    queue: Annotated[int, count(0, 10_000)] = setting(32, "Bodies that may wait for that; more are refused (503).")
    _found: bytes = PrivateAttr(b"")  # of a file that may be another when it is read again

    def given(self) -> dict[str, Any]:
        """With what is in the file, and the media type of ``stream``."""
        stream = {"ndjson": "application/x-ndjson", "sse": "text/event-stream", "json": "application/json"}[self.stream]
        given = super().given() | {"stream": stream}
        authorities = given.pop("ca")
        if self.reflection is not None:
            return given | {"reflection": self.reflection._replace(ca=authorities), "descriptors": b""}
        return given | {"descriptors": self._found or read_descriptors(self.descriptors)}

    def check(self, document: Document, where: TreePath) -> None:
        """The messages can be read, and the services are there."""
        if find_spec("google") is None or find_spec("google.protobuf") is None:
            document.report((*where, "name"), "needs the package protobuf: pip install 'fastgw[grpc]'")
            return
        if is_unsound(self.descriptors, self.reflection, self.services, self.ca) or is_unsound(*self.services):
            return
        if is_missing(self.descriptors) == (self.reflection is None):
            what = ("descriptors", "is needed, or reflection"), ("reflection", "stands beside descriptors")
            key, said = what[self.reflection is not None]
            document.report((*where, key), f"{said}; give one of them")
        elif self.reflection is not None:
            if reason := ca_problem(self.ca):
                document.report((*where, "ca"), reason)
        else:
            self._check_file(document, where)

    def _check_file(self, document: Document, where: TreePath) -> None:
        from fastgw.transcoding.catalog import Catalog, CatalogError  # which a file without such does not need
        from fastgw.transcoding.methods import Methods

        try:
            self._found = read_descriptors(self.descriptors)
            Methods(Catalog(self._found), services=self.services)
        except CatalogError as error:
            document.report((*where, "descriptors"), f"{self.descriptors} {error}")
        except ValueError as error:
            document.report((*where, "descriptors"), str(error))

"""``kserve/rest-grpc``: clients of the Open Inference Protocol by REST (KServe v2), and a model server that has it by gRPC, as Triton does.

    POST /v2/models/m/infer {"inputs": [...]} and bytes behind it  ──▶  /inference.GRPCInferenceService/ModelInfer

The paths are those of ``inference.proto``; what a tensor becomes ``transcoding.kserve`` knows.  All else is of ``grpc/json-transcoder``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.core.exchange.filter import BodyHook
from fastgw.errors import DownstreamError
from fastgw.transcoding import kserve
from fastgw.transcoding.bodies import JSON, framed
from fastgw.transcoding.catalog import Catalog
from fastgw.transcoding.kserve import Inference, OutputForms
from fastgw.transcoding.methods import MethodMatch, Methods
from fastgw.transcoding.scalars import MisfitError
from fastgw.transcoding.shapes import JsonOptions
from fastgw.transformers.grpc_json_answers import WholeAnswer
from fastgw.transformers.grpc_json_call import TranscodedCall, misfit, unreadable
from fastgw.transformers.grpc_json_requests import WholeRequest, parsed
from fastgw.transformers.grpc_json_transcoder import GrpcJsonTranscoder, settings_of
from fastgw.transformers.media import refuse_unchangeable

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.wire.messages import Request

LENGTH: Final = b"inference-header-content-length"  #: of the JSON in front of the bytes of tensors
_OCTETS: Final = b"application/octet-stream"
_OPTIONS: Final = JsonOptions(
    ignores_unknown=False, prints_defaults=True, prints_proto_names=True, prints_wide_numbers=True
)
_UNREADY: Final = 503
_NOTHING: Final = OutputForms(False, {})


@dataclass(slots=True)
class InferenceCall(TranscodedCall):
    """A call of ``ModelInfer``."""

    length: int = -1  #: bytes of the JSON of the request; -1: all of them
    wanted: OutputForms = _NOTHING


class KserveRestGrpc(GrpcJsonTranscoder):
    """The transformer."""

    takes_sockets = False

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        submit: Callable[[Callable[[], Any]], Future[Any]] | None = None,
    ) -> None:
        """``options``: ``max_message``, ``inline_bytes``, ``queue``.  ``submit``: see ``WorkThreads``."""
        self.name = name
        catalog = Catalog(kserve.descriptor_set())
        self.methods = Methods(catalog, _OPTIONS, (kserve.SERVICE,))
        self.reflected = None
        self.settings = settings_of(name, options, JSON, submit)
        self.inference = Inference(catalog)

    def refuse_type(self, request: Request, asked: MethodMatch) -> None:
        """See ``GrpcJsonTranscoder``; tensors may be bytes."""
        if _is_inference(asked) and request.header(LENGTH) is not None:
            refuse_unchangeable(request)
        else:
            super().refuse_type(request, asked)

    def call(self, request: Request, call: TranscodedCall) -> TranscodedCall:
        """See ``GrpcJsonTranscoder``."""
        if not _is_inference(call.asked):
            return call
        length = _length(request.header(LENGTH))
        request.remove_header(LENGTH)
        return InferenceCall(call.settings, call.asked, call.query, call.content_type, call.kind, length=length)

    def asking(self, call: TranscodedCall, exchange: Exchange) -> BodyHook:
        """See ``GrpcJsonTranscoder``."""
        return (
            _InferenceRequest(self.inference, call)
            if isinstance(call, InferenceCall)
            else super().asking(call, exchange)
        )

    def answering(self, call: TranscodedCall, exchange: Exchange) -> BodyHook:
        """See ``GrpcJsonTranscoder``."""
        if isinstance(call, InferenceCall):
            return _InferenceAnswer(self.inference, call, exchange)
        return _ReadinessAnswer(call, exchange)


class _InferenceRequest(WholeRequest):
    """The body of an inference."""

    def __init__(self, inference: Inference, call: InferenceCall) -> None:
        super().__init__(call)
        self._inference = inference
        self._infer = call

    def _made(self, data: bytes) -> bytes:
        call = self._infer
        length = call.length if call.length >= 0 else len(data)
        if length > len(data):
            detail = f"Inference-Header-Content-Length says {length}, and the body has {len(data)} bytes"
            raise DownstreamError(400, "message_misfit", detail)
        try:
            found, call.wanted = self._inference.fields(parsed(data[:length]), data[length:])
            found.update(call.asked.captured)
            return framed(call.asked.binding.method.input.encode(found))
        except MisfitError as error:
            raise misfit(error) from None


class _InferenceAnswer(WholeAnswer):
    """The answer of an inference."""

    def __init__(self, inference: Inference, call: InferenceCall, exchange: Exchange) -> None:
        super().__init__(call, exchange)
        self._inference = inference
        self._infer = call
        self._length = -1  # of the JSON, where bytes are behind it

    def _written(self, message: Any) -> tuple[bytes, bytes]:
        try:
            document, behind = self._inference.document(message, self._infer.wanted)
        except MisfitError as error:
            raise unreadable(f"it {error.why}") from None
        text = orjson.dumps(document)
        if not behind:
            return JSON, text
        self._length = len(text)
        return _OCTETS, text + behind

    def _tell(self, made: tuple[bytes, bytes]) -> bytes:
        if self._length >= 0:
            self._exchange.response.set_header(LENGTH, b"%d" % self._length)
        return super()._tell(made)


class _ReadinessAnswer(WholeAnswer):
    """What a server or a model says of itself; one that is not live or ready is that by its status, too."""

    def _written(self, message: Any) -> tuple[bytes, bytes]:
        document = self._call.asked.binding.document(message)
        if False in (document.get("live"), document.get("ready")):
            self._exchange.response.set_status(_UNREADY)
        return JSON, orjson.dumps(document)


def _is_inference(asked: MethodMatch) -> bool:
    return asked.binding.method.name == kserve.INFER


def _length(value: bytes | None) -> int:
    if value is None:
        return -1
    if not value.isdigit() or len(value) > 12:
        raise DownstreamError(400, "message_misfit", "Inference-Header-Content-Length is no number of bytes")
    return int(value)

"""One call of ``grpc/json-transcoder``: what its request, its answer and the hooks of both bodies have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fastgw.errors import DownstreamError, UpstreamError
from fastgw.transcoding.statuses import CallStatus

if TYPE_CHECKING:
    from fastgw.transcoding.methods import MethodMatch
    from fastgw.transcoding.scalars import MisfitError
    from fastgw.transformers.work_threads import WorkThreads


class CallTold(Protocol):
    """A client that is told of how a call went beside its messages (``grpc_json_socket``)."""

    def ends_with(self, status: CallStatus) -> None:
        """The call went so."""


@dataclass(slots=True)
class TranscoderSettings:
    """Of one transcoder."""

    max_message: int  #: bytes of a message, and of what JSON has for it
    inline_bytes: int  #: bodies with no more are transcoded on the loop
    threads: WorkThreads
    stream_form: bytes  #: of streams of answers whose client does not say


@dataclass(slots=True)
class TranscodedCall:
    """What is known of it beside the exchange."""

    settings: TranscoderSettings
    asked: MethodMatch
    query: bytes
    content_type: str  #: of the body, as the client says
    kind: bytes  #: of the answer, if all goes well, as far as that is known
    came_status: int = 0  #: of HTTP, of what the service answered
    came_type: bytes = b""  #: its Content-Type
    head_status: CallStatus | None = None  #: how the call went, if the head said so
    socket: CallTold | None = None  #: the WebSocket that asks; None: it came by HTTP


def misfit(error: MisfitError) -> DownstreamError:
    """400 for what of a request is none of its message."""
    return DownstreamError(
        400, "message_misfit", f"{error.place}: {error.why}" if error.path else f"the body: {error.why}"
    )


def unreadable(why: str) -> UpstreamError:
    """502 for an answer of gRPC that cannot be read."""
    detail = "the service's answer is not the gRPC that is expected of it"
    return UpstreamError(502, "answer_unreadable", f"{detail}: {why}")

"""Bodies that are refused for their media type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastgw.core.exchange import mending
from fastgw.errors import DownstreamError
from fastgw.wire.media_types import is_json, media_type

if TYPE_CHECKING:
    from fastgw.wire.messages import Request

JSON: Final = "application/json"
OCTETS: Final = b"application/octet-stream"  #: of what nobody knows yet


def refuse_other_than_json(request: Request) -> None:
    """Refuse a body that is no JSON, or cannot be read and changed.

    Raises:
        DownstreamError: 415 ``body_type_refused``.
    """
    if request.has_body:
        if not is_json(request.header(b"content-type")):
            raise refused_type(request, (JSON,))
        refuse_unchangeable(request)


def refused_type(request: Request, taken: tuple[str, ...]) -> DownstreamError:
    """415 for a body of another type than those that are ``taken``."""
    kind = request.header(b"content-type")
    said = repr(media_type(kind).decode("latin-1")) if kind is not None else "nothing"
    detail = f"the body must be {' or '.join(taken)} here, Content-Type says {said}"
    return DownstreamError(415, "body_type_refused", detail, headers=(("accept-post", ", ".join(taken)),))


def refuse_unchangeable(request: Request) -> None:
    """Refuse a body that cannot be read, or must not be changed, so that none goes round a transformer by saying so.

    Raises:
        DownstreamError: 415 ``body_type_refused``.
    """
    if request.header(b"content-encoding") is not None:
        detail = "the body must come without a Content-Encoding here"
        raise DownstreamError(415, "body_type_refused", detail, headers=(("accept-encoding", "identity"),))
    if not mending.may_change_request(request):
        detail = (
            "the body must be a whole one that may be changed: without Content-Range, and Cache-Control: no-transform"
        )
        raise DownstreamError(415, "body_type_refused", detail)

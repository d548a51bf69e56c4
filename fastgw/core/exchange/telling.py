"""In what form the client of an exchange is told of an error: as it has asked, or else as its route says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.core.exchange.reply import Reply, error_reply
from fastgw.core.settings import DIALECT
from fastgw.wire.fields import find_field

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.errors import GatewayError

_CALL = b"application/grpc"  #: how the types of gRPC begin, and of gRPC-Web


def error_answer(exchange: Exchange, error: GatewayError, advice: tuple[tuple[str, str], ...]) -> Reply:
    """The answer of ``exchange`` for ``error``.

    Args:
        advice: fields beside those that the error has.
    """
    if isinstance(error.answer, Reply):
        return error.answer
    request = exchange.request
    content_type = find_field(request.head, b"content-type")  # as it came, whatever was made of it for the service
    if content_type is not None and content_type[: len(_CALL)].lower() == _CALL:
        from fastgw.core.exchange.grpc import fields_of  # which a worker without such does not need

        fields = fields_of(error, content_type, advice)
        if fields is not None:
            return Reply(200, headers=fields)
    shape = exchange.route.settings.errors
    if shape == DIALECT:
        from fastgw.wire.inference import dialect_of  # as above

        shape = dialect_of(request.matched_path, find_field(request.head, b"anthropic-version"))
    return error_reply(error, shape, request.request_id.decode("latin-1"), advice)

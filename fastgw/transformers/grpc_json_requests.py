"""Bodies of requests on their way through ``grpc/json-transcoder``: JSON becomes the messages of a call."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import Any

import orjson

from fastgw.core.exchange.filter import BodyHook, GatheredHook
from fastgw.errors import DownstreamError
from fastgw.transcoding.bodies import BodyError, JsonLines, framed
from fastgw.transcoding.scalars import MisfitError
from fastgw.transformers.grpc_json_call import TranscodedCall, misfit


class WholeRequest(GatheredHook):
    """A body that is all of the call: one message, or a list of them where the method takes a stream."""

    def __init__(self, call: TranscodedCall) -> None:
        self._call = call
        self.max_bytes = call.settings.max_message

    def whole(self, data: bytes) -> bytes | Awaitable[bytes]:
        settings = self._call.settings
        if len(data) <= settings.inline_bytes:
            return self._made(data)
        return settings.threads.run(partial(self._made, data))

    def too_large(self) -> DownstreamError:
        return too_large("the body", self.max_bytes)

    def _made(self, data: bytes) -> bytes:
        """In whatever thread."""
        binding = self._call.asked.binding
        if binding.has_raw_body:
            call = self._call
            try:
                fields = binding.raw_fields(data, call.content_type, call.asked.captured, call.query)
                return framed(binding.method.input.encode(fields))
            except MisfitError as error:
                raise misfit(error) from None
        if data and not binding.body:
            raise DownstreamError(
                400, "message_misfit", "the body: this method takes none; its fields are in the path and the query"
            )
        document = parsed(data) if data else None
        if binding.method.is_client_streaming and isinstance(document, list):
            return b"".join([message(self._call, one) for one in document])
        return message(self._call, document)


class StreamedRequest(BodyHook):
    """A body of NDJSON: each line is a message of the call."""

    def __init__(self, call: TranscodedCall) -> None:
        self._call = call
        self._word = "line" if call.socket is None else "message"
        self._lines = JsonLines(call.settings.max_message)

    def feed(self, data: bytes) -> bytes:
        return self._made(data, is_last=False)

    def finish(self) -> bytes:
        return self._made(b"", is_last=True)

    def _made(self, data: bytes, *, is_last: bool) -> bytes:
        lines = self._lines
        try:
            found = lines.feed(data, is_last=is_last)
        except BodyError:
            raise too_large("a line", self._call.settings.max_message) from None
        out = []
        for line in found:
            lines.count += 1
            try:
                out.append(message(self._call, parsed(line)))
            except DownstreamError as error:
                detail = f"{self._word} {lines.count}: {error.detail}"
                raise DownstreamError(error.status, error.code, detail) from None
        return b"".join(out)


def parsed(data: bytes) -> Any:
    """The value of JSON that ``data`` is.

    Raises:
        DownstreamError: 400 ``json_malformed``.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        why = f"{error.msg.partition(':')[0]}, at character {error.pos + 1}"
        raise DownstreamError(400, "json_malformed", f"the body is no JSON: {why}") from None


def message(call: TranscodedCall, document: Any) -> bytes:
    """A message behind its prefix.

    Raises:
        DownstreamError: 400 ``message_misfit``, 413 ``json_too_large``.
    """
    binding = call.asked.binding
    try:
        data = binding.method.input.encode(binding.fields(document, call.asked.captured, call.query))
    except MisfitError as error:
        raise misfit(error) from None
    if len(data) > call.settings.max_message:
        raise too_large("the message", call.settings.max_message)
    return framed(data)


def too_large(what: str, most: int) -> DownstreamError:
    """413 for more than ``most`` bytes."""
    return DownstreamError(413, "json_too_large", f"{what} has more than the {most} bytes allowed here")

"""What makes other JSON of JSON, of requests or of answers: gathered, within a bound, parsed and written strictly (RFC 8259).

A thread does not make that faster, as most of it needs the interpreter.  But the loop gets its turn in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.core.exchange.filter import GatheredHook
from fastgw.errors import DownstreamError, GatewayError, UpstreamError
from fastgw.transformers.media import refuse_other_than_json
from fastgw.transformers.work_threads import WorkThreads
from fastgw.wire.media_types import is_json

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_JSON: Final = b"application/json"


class MissingError(ValueError):
    """A document lacks what it needs to have; says what, and where."""


class TooLargeError(ValueError):
    """More would be made than is allowed; says how much."""


class JsonTransformer:
    """The transformer, of the bodies of one side; a subclass has what it ``makes``."""

    __slots__ = (
        "inline_bytes",
        "is_of_requests",
        "max_bytes",
        "name",
        "threads",
        "transform_request",
        "transform_response",
    )

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        submit: Callable[[Callable[[], Any]], Future[Any]] | None = None,
    ) -> None:
        """``options``: ``side``, ``input`` or ``output``; ``max_bytes`` of a body; ``inline_bytes``, up to which it is read on the loop,
        and ``queue``, of those that wait to be read elsewhere; ``submit``: see ``WorkThreads``."""
        self.name = name
        self.max_bytes: int = options["max_bytes"]
        self.inline_bytes: int = options["inline_bytes"]
        self.threads = WorkThreads(name, 1, options["queue"], submit)
        self.is_of_requests = options["side"] == "input"
        # A hook that has nothing to do is none.
        self.transform_request = self._of_request if self.is_of_requests else None
        self.transform_response = None if self.is_of_requests else self._of_response

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """See ``WorkThreads``."""
        self.threads.start(loop)

    def stop(self) -> None:
        """See ``WorkThreads``."""
        self.threads.stop()

    def request(self, exchange: Exchange) -> None:
        """Refuse what cannot be read; or, where the answer is to be read here, let nobody compress it."""
        if self.is_of_requests:
            refuse_other_than_json(exchange.request)
        else:
            exchange.request.set_header(b"accept-encoding", b"identity")

    def _of_request(self, exchange: Exchange) -> _Making:
        return _Making(self, exchange)

    def _of_response(self, exchange: Exchange) -> _Making | None:
        response = exchange.response
        if not 200 <= response.status < 300 or not is_json(response.header(b"content-type")):
            return None
        return _Making(self, exchange)

    def make(self, document: Any) -> Any:
        """What becomes of ``document``, which may be changed.

        Raises:
            MissingError: it cannot be made of this one.
            TooLargeError: it would be too large.
        """
        raise NotImplementedError


class _Making(GatheredHook):
    """One body."""

    def __init__(self, owner: JsonTransformer, exchange: Exchange) -> None:
        self._owner = owner
        self._exchange = exchange
        self.max_bytes = owner.max_bytes

    def whole(self, data: bytes) -> bytes | Awaitable[bytes]:
        owner = self._owner
        if not owner.is_of_requests:
            coding = self._exchange.response.header(b"content-encoding")
            if coding is not None and coding.lower() != b"identity":
                raise _unreadable("it has a Content-Encoding, which it was asked not to have")
        return self._tell(self._made(data)) if len(data) <= owner.inline_bytes else self._later(data)

    async def _later(self, data: bytes) -> bytes:
        return self._tell(await self._owner.threads.run(partial(self._made, data)))

    def _tell(self, out: bytes) -> bytes:
        head = self._exchange.request if self._owner.is_of_requests else self._exchange.response
        head.set_header(b"content-type", _JSON)
        return out

    def _made(self, data: bytes) -> bytes:
        """What the body ``data`` becomes; in whatever thread."""
        try:
            return orjson.dumps(self._owner.make(orjson.loads(data)))
        except orjson.JSONDecodeError as error:
            why = f"{error.msg.partition(':')[0]}, at character {error.pos + 1}"
            raise self._malformed(why) from None
        except orjson.JSONEncodeError:
            raise self._malformed("it has too many objects and lists inside each other") from None
        except MissingError as error:
            if self._owner.is_of_requests:
                raise DownstreamError(422, "field_missing", f"the body {error}") from None
            raise _unreadable(f"it {error}") from None
        except TooLargeError as error:
            raise self._too_large(str(error)) from None

    def too_large(self) -> GatewayError:
        return self._too_large(f"the body has more than the {self.max_bytes} bytes allowed here")

    def _malformed(self, why: str) -> GatewayError:
        if self._owner.is_of_requests:
            return DownstreamError(400, "json_malformed", f"the body is no JSON: {why}")
        return _unreadable(f"it is no JSON: {why}")

    def _too_large(self, what: str) -> GatewayError:
        return DownstreamError(413, "json_too_large", what) if self._owner.is_of_requests else _unreadable(what)


def _unreadable(why: str) -> UpstreamError:
    detail = "the service's answer is not the JSON that is expected of it"
    return UpstreamError(502, "answer_unreadable", detail, reason=f"{detail}: {why}")

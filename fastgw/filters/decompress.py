"""``decompress``: bodies are what they were before somebody coded them (``Content-Encoding``, RFC 9110 section 8.4).

A few bytes may stand for gigabytes, so there are two bounds: what a request may become, and how much more than it was.  Bodies of a few
KiB may grow as they like: text that repeats itself is no attack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange.filter import BodyHook
from fastgw.errors import RETRY_ALWAYS, DownstreamError, GatewayError, InternalError, UpstreamError
from fastgw.filters.codings import ALIASES, DECODERS, TooMuch

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_ENCODING: Final = b"content-encoding"
_SMALL: Final = 64 * 1024  #: bytes that any body may become
_SHOWN: Final = 64  #: bytes of a field that an error shows


class Decompress:
    """The filter."""

    __slots__ = (
        "_accepted",
        "_codings",
        "_max_ratio",
        "_max_size",
        "_refuses",
        "name",
        "transform_request",
        "transform_response",
    )

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``requests``, ``responses``; ``codings``; ``unknown``: ``refuse`` or ``pass``; ``max_size`` of a request, bytes;
        ``max_ratio``.
        """
        self.name = name
        self._codings: dict[bytes, str] = {one.encode(): one for one in options["codings"]}
        self._accepted = ", ".join(options["codings"])
        self._refuses: bool = options["unknown"] == "refuse"
        self._max_size: int = options["max_size"]
        self._max_ratio: int = options["max_ratio"]
        # A hook that has nothing to do is none.
        self.transform_request = self._request if options["requests"] else None
        self.transform_response = self._response if options["responses"] else None

    def _request(self, exchange: Exchange) -> _Decompressing | None:
        value = _coding(exchange.request.header(_ENCODING))
        if not value:
            return None
        coding = self._codings.get(value)
        if coding is None:
            if not self._refuses:
                return None
            detail = f"bodies may be coded with {self._accepted} here, with one of them at a time"
            reason = f"{detail}; Content-Encoding is {value[:_SHOWN].decode('latin-1')!r}"
            accepted = (("accept-encoding", self._accepted),)  # RFC 9110 section 12.5.3
            raise DownstreamError(415, "coding_unsupported", detail, reason=reason, headers=accepted)
        if exchange.plane.body_bytes >= exchange.listener.body_memory:
            # A plain body would be held as it came; this one would be held ``max_ratio`` times as large.
            raise InternalError(503, "no_resources", "too many bodies wait for their services", retry=RETRY_ALWAYS)
        exchange.request.remove_header(_ENCODING)
        return _Decompressing(coding, self._max_ratio, self._max_size, of_request=True)

    def _response(self, exchange: Exchange) -> _Decompressing | None:
        coding = self._codings.get(_coding(exchange.response.header(_ENCODING)))
        if coding is None:
            return None
        exchange.response.remove_header(_ENCODING)
        return _Decompressing(coding, self._max_ratio, 0, of_request=False)


class _Decompressing(BodyHook):
    """One body."""

    def __init__(self, coding: str, max_ratio: int, max_size: int, *, of_request: bool) -> None:
        """``max_size``: bytes; 0: there is no bound."""
        self._coding = coding
        self._decoder = DECODERS[coding]()
        self._max_ratio = max_ratio
        self._max_size = max_size
        self._of_request = of_request
        self._before = 0
        self._after = 0

    def feed(self, data: bytes) -> bytes:
        self._before += len(data)
        most = max(_SMALL, self._before * self._max_ratio)
        if self._max_size:
            most = min(most, self._max_size)
        try:
            out = self._decoder.feed(data, most - self._after)
        except TooMuch:
            raise self._too_large(most) from None
        except ValueError as error:
            raise self._broken(str(error)) from None
        self._after += len(out)
        return out

    def finish(self) -> bytes:
        if self._before and not self._decoder.is_done():
            raise self._broken("it ends in the middle")
        return b""

    def _too_large(self, most: int) -> GatewayError:
        detail = f"the body is larger than {most} bytes when it is decompressed, and was {self._before} until there"
        if self._of_request:
            return DownstreamError(413, "decompressed_too_large", detail)
        return UpstreamError(502, "undecodable_answer", detail)

    def _broken(self, why: str) -> GatewayError:
        detail = f"the body is not the {self._coding} that Content-Encoding calls it"
        reason = f"{detail}: {why}"
        if self._of_request:
            return DownstreamError(400, "coding_broken", detail, reason=reason)
        return UpstreamError(502, "undecodable_answer", detail, reason=reason)


def _coding(value: bytes | None) -> bytes:
    """The one coding that the field names, in lower case; empty: none.  Of several all, which is the name of none."""
    name = (value or b"").strip(b" \t").lower()
    return b"" if name == b"identity" else ALIASES.get(name, name)

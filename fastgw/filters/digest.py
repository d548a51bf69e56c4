"""``digest``: the bytes that were sent are the bytes that came (``Content-Digest``, RFC 9530).

A request that says what its body is has it checked on its way: the last byte goes on only if all of them are right, so a service never
takes another body for complete.  An answer is told what its body is: behind it where the client takes trailers, else in front of it where
it is small enough to be gathered.  Whatever frames the body, it is the data alone that is meant, as content codings have left it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.exchange.filter import BodyHook
from fastgw.core.labels import DIGEST_CAUSES
from fastgw.errors import DownstreamError
from fastgw.wire.fields import find_field
from fastgw.wire.structured import read_bytes, read_dictionary, write_bytes

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_FIELD: Final = b"content-digest"
_WANT: Final = b"want-content-digest"

#: The algorithms of the registry that resist who wants to deceive (RFC 9530 section 5); all others tell nothing that could be trusted.
_ALGORITHMS: Final = {b"sha-256": hashlib.sha256, b"sha-512": hashlib.sha512}
_TOO_LARGE, _UNKNOWN_LENGTH = range(len(DIGEST_CAUSES))
#: Media types that are read while they are made: nobody waits for all of it.
_STREAMS: Final = (b"text/event-stream", b"application/x-ndjson", b"application/json-seq", b"multipart/")


class Digest:
    """Checks the bodies of requests, tells what those of answers are, or both."""

    __slots__ = (
        "_algorithm",
        "_gather",
        "_gathers_streams",
        "_is_required",
        "_want",
        "name",
        "read_request",
        "read_response",
        "request",
        "response",
    )

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``check_requests``, ``require``, ``add``, ``gather_streams``; ``algorithm``, of answers; ``gather``, bytes."""
        self.name = name
        self._is_required: bool = options["require"]
        self._algorithm: bytes = options["algorithm"].encode()
        self._gather: int = options["gather"]
        self._gathers_streams: bool = options["gather_streams"]
        others = [one for one in _ALGORITHMS if one != self._algorithm]
        self._want = b", ".join([self._algorithm + b"=10", *[one + b"=5" for one in others]]).decode()
        # A hook that has nothing to do is none.
        self.request = self._check_empty if options["check_requests"] else None
        self.read_request = self._check if options["check_requests"] else None
        self.response = self._tell_of_reply if options["add"] else None
        self.read_response = self._tell if options["add"] else None

    # --- requests

    def _check_empty(self, exchange: Exchange) -> None:
        """Refuse a field that nobody can read before anybody waits; and what tells of another body than none, where there is none."""
        value = exchange.request.header(_FIELD)
        if value is not None:
            told = expected(value)
            if not exchange.request.has_body:
                _compare(exchange, told, {one: _ALGORITHMS[one]() for one in told})

    def _check(self, exchange: Exchange) -> _Check | None:
        request = exchange.request
        value = request.header(_FIELD)
        told = expected(value) if value is not None else {}
        if not told and not request.chunked:
            self.refuse_if_required()
            return None
        return _Check(self, exchange, told)

    def refuse_if_required(self) -> None:
        """A request has no digest.

        Raises:
            DownstreamError: 400, it needs one.
        """
        if self._is_required:
            detail = "requests have a Content-Digest of sha-256 or sha-512 here"
            raise DownstreamError(400, "digest_required", detail, headers=(("want-content-digest", self._want),))

    # --- answers

    def _tell_of_reply(self, exchange: Exchange) -> None:
        """An answer of our own is here whole."""
        reply = exchange.replied
        if reply is None or not reply.body or exchange.request.method == b"HEAD":
            return
        algorithm = self._wanted(exchange)
        if algorithm and exchange.response.status not in (204, 304) and exchange.response.header(_FIELD) is None:
            exchange.response.set_header(_FIELD, _told(algorithm, _ALGORITHMS[algorithm](reply.body)))

    def _tell(self, exchange: Exchange) -> _Telling | None:
        response = exchange.response
        if response.header(_FIELD) is not None:
            return None  # whoever made it knows better
        algorithm = self._wanted(exchange)
        if not algorithm:
            return None
        if exchange.client.takes_trailers(exchange):
            return _Telling(exchange, algorithm, 0, is_trailer=True)
        size = response.content_length
        if size < 0:
            if not self._gather or not self._gathers_streams or _is_stream(response.header(b"content-type")):
                _drop(exchange, _UNKNOWN_LENGTH)
                return None
            size = self._gather
        if size > self._gather:
            _drop(exchange, _TOO_LARGE)
            return None
        return _Telling(exchange, algorithm, size, is_trailer=False)

    def _wanted(self, exchange: Exchange) -> bytes:
        """The algorithm that the client likes best; empty: none of ours (RFC 9530 section 4)."""
        value = exchange.request.header(_WANT)
        if value is None:
            return self._algorithm
        try:
            wants = read_dictionary(value)
        except ValueError:
            return self._algorithm  # a field that cannot be read is none (RFC 9651 section 4.2)
        likings = {one: _liking(wants.get(one, b"0")) for one in (self._algorithm, *_ALGORITHMS)}
        best = max(likings, key=lambda one: likings[one])
        return best if likings[best] > 0 else b""


class _Check(BodyHook):
    """Lets a body pass, but for its last byte, until it is known to be the right one."""

    def __init__(self, owner: Digest, exchange: Exchange, told: dict[bytes, bytes]) -> None:
        self._owner = owner
        self._exchange = exchange
        self._told = told
        # Behind chunks any may come.
        algorithms = told if told and not exchange.request.chunked else _ALGORITHMS
        self._sums = {one: _ALGORITHMS[one]() for one in algorithms}
        self._left = exchange.request.content_length  #: negative: not known
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        for one in self._sums.values():
            one.update(data)
        if self._left > len(data):
            self._left -= len(data)
            return data
        out = self._held + data[:-1]
        self._held = data[-1:]
        return out

    def finish(self) -> bytes:
        exchange = self._exchange
        behind = find_field(b"\r\n" + exchange.body.trailers, _FIELD) if exchange.body.trailers else None
        later = expected(behind) if behind is not None else {}
        if not self._told and not later:
            self._owner.refuse_if_required()
        _compare(exchange, self._told, self._sums)
        _compare(exchange, later, self._sums)
        return self._held


class _Telling(BodyHook):
    """Computes what an answer's body is."""

    is_of_bytes = True

    def __init__(self, exchange: Exchange, algorithm: bytes, gather: int, *, is_trailer: bool) -> None:
        self._exchange = exchange
        self._algorithm = algorithm
        self._sum = _ALGORITHMS[algorithm]()
        self.gather = gather
        self.trailer_names = (_FIELD,) if is_trailer else ()

    def feed(self, data: bytes) -> bytes:
        self._sum.update(data)
        return data

    def finish(self) -> bytes:
        exchange = self._exchange
        value = _told(self._algorithm, self._sum)
        if self.trailer_names:
            if find_field(b"\r\n" + exchange.response.trailers, _FIELD) is None:  # else the service has told it
                self.trailers = ((_FIELD, value),)
        elif exchange.is_head_sent:
            _drop(exchange, _TOO_LARGE)
        else:
            exchange.response.set_header(_FIELD, value)
        return b""


def expected(value: bytes) -> dict[bytes, bytes]:
    """The digests of a ``Content-Digest`` that can be trusted, by algorithm; others tell nothing.

    Raises:
        DownstreamError: 400, it has no reading.
    """
    try:
        members = read_dictionary(value)
        found = {one: read_bytes(members[one]) for one in _ALGORITHMS if one in members}
        for one, digest in found.items():
            if len(digest) != _ALGORITHMS[one]().digest_size:
                raise ValueError(f"{one.decode()} has another length than {len(digest)} bytes")
    except ValueError as error:
        detail = f"Content-Digest has no reading: {error}"
        raise DownstreamError(400, "digest_malformed", detail) from None
    return found


def _compare(exchange: Exchange, told: Mapping[bytes, bytes], sums: Mapping[bytes, Any]) -> None:
    for algorithm, digest in told.items():
        found = sums[algorithm].digest()
        if found != digest:
            exchange.plane.values[exchange.route.base + counters.ROUTE_DIGEST_MISMATCHES] += 1
            detail = "the body is not the one that Content-Digest tells of"
            reason = f"{detail}: {algorithm.decode()} is {write_bytes(found).decode()}, told was {write_bytes(digest).decode()}"
            raise DownstreamError(400, "digest_mismatch", detail, reason=reason)


def _drop(exchange: Exchange, cause: int) -> None:
    exchange.plane.values[exchange.route.base + counters.ROUTE_DIGESTS_DROPPED + cause] += 1


def _told(algorithm: bytes, digest: Any) -> bytes:
    return algorithm + b"=" + write_bytes(digest.digest())


def _liking(item: bytes) -> int:
    """0 to 10; 0, also where it says something else: not this one."""
    return int(item) if item.isdigit() and int(item) <= 10 else 0


def _is_stream(content_type: bytes | None) -> bool:
    return content_type is not None and content_type.lower().startswith(_STREAMS)

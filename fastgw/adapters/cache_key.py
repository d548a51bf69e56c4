"""Who may be given an answer that is kept: by which parts of a request it is known, and which requests a cache has nothing to do with.

Whatever decides what a service answers is in the key, or named by its ``Vary``: method, scheme, host, target as they are written (nothing
in a query is sorted or taken as the same), and who asks.  Fields by which some services are told another host or path than the request
line says are in it too, so that whoever sends one gets, and makes, another answer than those who do not; fields that make another method
of a request keep it from the cache.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from fastgw.policy.freshness import names
from fastgw.wire.fields import find_field

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.policy.shelf import Selected
    from fastgw.wire.messages import Request

#: Fields that prove who a client is, lower case; whatever filters find out of others is in their notes.
_CREDENTIALS: Final = (
    b"authorization",
    b"cookie",
    b"api-key",
    b"x-api-key",
    b"x-goog-api-key",
    b"x-amz-security-token",
    b"x-auth-token",
    b"x-access-token",
    b"x-csrf-token",
)
#: Fields that some services take for the host, the path or the origin of a request.
_TOLD: Final = (
    b"forwarded",
    b"origin",
    b"x-forwarded-host",
    b"x-forwarded-path",
    b"x-forwarded-port",
    b"x-forwarded-prefix",
    b"x-forwarded-scheme",
    b"x-forwarded-server",
    b"x-forwarded-ssl",
    b"x-host",
    b"x-http-host-override",
    b"x-original-host",
    b"x-original-uri",
    b"x-original-url",
    b"x-rewrite-url",
)
#: Fields with which a request is none that a cache may answer: they ask for another method, for a part, or only under a condition.
_NOT_OURS: Final = (
    b"x-http-method-override",
    b"x-http-method",
    b"x-method-override",
    b"range",
    b"if-match",
    b"if-unmodified-since",
    b"if-range",
)
#: Notes that tell what happened to a request, or what stands in its body, and not who sent it.
_PASSING: Final = frozenset(
    {"rate_limit", "token_limit", "ext_authz", "compress", "cache", "fallback", "fallback_from", "usage", "trace"}
    | {"asked_model", "model", "prompt", "placement", "first_token", "dialect_call", "translate_again"}
)
#: Fields that are new in each request, wherever it is traced.
_TRACED: Final = frozenset({b"traceparent", b"tracestate"})


def is_ours(request: Request) -> bool:
    """Whether a cache may answer ``request``, by its fields."""
    return not request.upgrade and all(request.forwarded(name) is None for name in _NOT_OURS)


def place_of(exchange: Exchange) -> bytes:
    """What is asked for: scheme, host and target."""
    request = exchange.request
    scheme = request.forwarded_proto or exchange.listener.scheme
    return b"%b %b %b" % (scheme, request.authority.lower(), request.target)


def key_of(
    exchange: Exchange,
    service: str,
    names: Sequence[bytes],
    digest: bytes,
    *,
    is_shared: bool,
    decided_by: Sequence[bytes] = (),
) -> Hashable:
    """By what an answer for ``exchange`` is known, beside its place.

    Args:
        exchange: who asks.
        service: name of the service that answers.
        names: more fields of the request that matter, in lower case.
        digest: of the request's body, with its type; empty: there is none.
        is_shared: whoever asks is given the same.
        decided_by: fields by which filters of the route let a request pass, lower case; they too say who asks.
    """
    request = exchange.request
    told = tuple((name, value) for name in (*_TOLD, *names) if (value := request.forwarded(name)) is not None)
    spoken = (request.forwarded_host, *told) if request.forwarded_host else told
    return (service, spoken, digest, b"" if is_shared else _identity(exchange, decided_by))


def digest_of(request: Request, body: bytes) -> bytes:
    """Of a body, and of what is said of it; empty: there is none."""
    if not request.has_body and not body:
        return b""
    found = sha256(body)
    for name in (b"content-type", b"content-encoding", b"accept"):
        found.update(b"\0" + (request.forwarded(name) or b""))
    return b"%b %d %b" % (request.method, len(body), found.digest())


def _identity(exchange: Exchange, decided_by: Sequence[bytes]) -> bytes:
    """Who asks, by what the client has sent and what filters have found out; empty: nobody in particular."""
    head = exchange.request.head
    known = [(name, value) for name in (*_CREDENTIALS, *decided_by) if (value := find_field(head, name)) is not None]
    notes = [(name, repr(value)) for name, value in sorted((exchange.notes or {}).items()) if name not in _PASSING]
    edited = sorted((exchange.request.edited or frozenset()) - _TRACED)
    said = [(name, exchange.request.forwarded(name)) for name in edited]  # by filters, of whom they know it to be
    proven = exchange.client.identity
    if not (known or notes or said or proven):
        return b""
    return sha256(repr((known, notes, said, proven)).encode()).digest()


def selected_of(exchange: Exchange, fields: bytes) -> Selected:
    """What an answer with these fields depends on (``Vary``), and what the request of ``exchange`` has there."""
    depends = {*names(find_field(b"\r\n" + fields, b"vary"))}
    if find_field(b"\r\n" + fields, b"content-encoding") is not None:
        depends.add(b"accept-encoding")  # who cannot read it is not given it, whatever the service forgot to say
    return tuple((name, exchange.request.forwarded(name)) for name in sorted(depends))


def suits(exchange: Exchange | None, selected: Selected) -> bool:
    """Whether the request of ``exchange`` has the same there."""
    return exchange is not None and all(exchange.request.forwarded(name) == value for name, value in selected)

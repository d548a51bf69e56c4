"""The heads an exchange sends: the request to the service, the answer to the client.

Both are mostly the other side's own lines, relayed as one block of bytes; what is written here is what the gateway answers for itself:
framing, the connection's future, and who is speaking for whom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.wire import scan
from fastgw.wire.lines import names_like, without_fields
from fastgw.wire.messages import BODY_UNTIL_CLOSE

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.wire.messages import Request


_VERSION_AND_HOST = b" HTTP/1.1\r\nhost: "
_REQUEST_ID = b"\r\nx-request-id: "


def request_head(exchange: Exchange) -> bytes:
    """Head of the request as the exchange's endpoint gets it (RFC 9110 sections 7.2, 7.6.1 and 7.6.3)."""
    request = exchange.request
    authority = request.authority or exchange.endpoint.authority
    host = authority
    service = exchange.service
    if not service.keeps_host:
        host = service.host or exchange.endpoint.authority
    forwarded = exchange.client.forwarded
    fields, extra = request.fields, request.extra
    if service.credentials is not None:
        fields, extra = _with_credentials(service.credentials, fields, extra)
    if request.rare or not request.minor:  # the prepared fields say Via 1.1
        forwarded = _rare_forwarded(exchange, request)
        authority = request.forwarded_host or authority
        extra = _rare_framing(exchange, request) + extra
    return scan.join(
        (
            request.method,
            b" ",
            request.target,
            _VERSION_AND_HOST,
            host,
            b"\r\n",
            fields,
            forwarded,
            authority,
            _REQUEST_ID if request.request_id else b"",
            request.request_id,
            b"\r\n",
            extra,
            b"\r\n",
        )
    )


def authority_of(exchange: Exchange) -> bytes:
    """The host that the exchange's endpoint is told (RFC 9110 section 7.2)."""
    service = exchange.service
    if service.keeps_host:
        return exchange.request.authority or exchange.endpoint.authority
    return service.host or exchange.endpoint.authority


def request_fields(exchange: Exchange) -> bytes:
    """The fields of the request as its endpoint gets them over a protocol that frames bodies by itself: each line with its CRLF, without
    Host and without what is said of a connection, but for ``te: trailers`` (RFC 9113 section 8.2.2), and without ``own_fields``."""
    request = exchange.request
    authority = request.authority or exchange.endpoint.authority
    forwarded = exchange.client.forwarded
    end = b"\r\n"
    if request.rare or not request.minor:
        forwarded = _rare_forwarded(exchange, request)
        authority = request.forwarded_host or authority
        if request.te_trailers:
            end = b"\r\nte: trailers\r\n"
        if request.expect and not exchange.body.is_done:
            end += b"expect: 100-continue\r\n"
    fields, service = request.fields, exchange.service
    if service.credentials is not None:
        fields, _ = _with_credentials(service.credentials, fields, b"")
    return scan.join((fields, forwarded, authority, end))


def own_fields(exchange: Exchange) -> bytes:
    """Those behind them that are likely of this request alone: its id, and what hooks have added."""
    request, service = exchange.request, exchange.service
    extra = request.extra
    if service.credentials is not None:
        _, extra = _with_credentials(service.credentials, b"", extra)
    if not request.request_id:
        return extra
    return scan.join((_REQUEST_ID[2:], request.request_id, b"\r\n", extra))


def _with_credentials(credentials: tuple[frozenset[bytes], bytes], fields: bytes, extra: bytes) -> tuple[bytes, bytes]:
    """``fields`` and ``extra`` of a request, with the gateway's own proof of who asks in the place of the client's, in whatever spelling
    services take for the same."""
    names, line = credentials
    for_all = names.union(names_like(fields, names), names_like(extra, names))
    return without_fields(fields, for_all), without_fields(extra, for_all) + line


def _rare_forwarded(exchange: Exchange, request: Request) -> bytes:
    """What ``forwarded_fields`` says, of a client that speaks for others, or another version."""
    client = exchange.client
    seen_by = request.forwarded_for + b", " + client.address if request.forwarded_for else client.address
    via = request.via + b", " if request.via else b""
    proto = request.forwarded_proto or exchange.listener.scheme
    return client.identity + _forwarded(seen_by, proto, via + (client.version if request.minor else b"1.0"))


def _rare_framing(exchange: Exchange, request: Request) -> bytes:
    """How the body comes, and what the client wants of the connection."""
    fields = b"transfer-encoding: chunked\r\n" if request.chunked else b""
    if request.expect and not exchange.body.is_done:
        fields += b"expect: 100-continue\r\n"
    if request.upgrade:
        fields += b"connection: Upgrade\r\nupgrade: " + request.upgrade + b"\r\n"
    elif request.te_trailers:
        fields += b"connection: TE\r\nte: trailers\r\n"
    return fields


def forwarded_fields(address: bytes, scheme: bytes, version: bytes = b"1.1") -> bytes:
    """What every plain request of one connection, which speaks this version of HTTP, says about its client; ends where the authority
    follows."""
    return _forwarded(address, scheme, version)


def _forwarded(seen_by: bytes, scheme: bytes, via: bytes) -> bytes:
    pieces = (
        b"x-forwarded-for: ",
        seen_by,
        b"\r\nx-forwarded-proto: ",
        scheme,
        b"\r\nvia: ",
        via,
        b" fastgw\r\nx-forwarded-host: ",
    )
    return scan.join(pieces)


def response_head(exchange: Exchange) -> bytes:
    """Head of the service's answer as the client gets it."""
    response = exchange.response
    minor = exchange.request.minor
    fields = response.fields
    framing = b""
    if (response.rare and response.transfer_encoding) or response.body == BODY_UNTIL_CLOSE:
        if minor and response.status != 204:  # which may not have it (RFC 9112 section 6.1)
            framing = b"transfer-encoding: chunked\r\n"
    if response.status == 204 and response.length_count:
        fields = without_length(fields)
    if not exchange.keep_alive:
        end = b"connection: close\r\n\r\n"
    elif minor:
        end = b"\r\n"
    else:
        end = b"connection: keep-alive\r\n\r\n"
    date = b"" if response.has_date else exchange.plane.date
    if not response.request_id:
        return scan.join((response.line, fields, framing, date, response.extra, end))
    return scan.join(
        (response.line, fields, framing, date, b"x-request-id: ", response.request_id, b"\r\n", response.extra, end)
    )


def interim_head(exchange: Exchange) -> bytes:
    """A 1xx answer, passed on as it came (RFC 9110 section 15.2)."""
    response = exchange.response
    fields = without_length(response.fields) if response.length_count else response.fields
    return response.line + fields + b"\r\n"


def upgrade_head(exchange: Exchange) -> bytes:
    """The 101 after which the connection is a tunnel."""
    response = exchange.response
    identity = b"x-request-id: " + response.request_id + b"\r\n" if response.request_id else b""
    upgrade = b"connection: Upgrade\r\nupgrade: " + response.upgrade + b"\r\n"
    return response.line + without_length(response.fields) + upgrade + identity + response.extra + b"\r\n"


def without_length(fields: bytes) -> bytes:
    """``fields`` without Content-Length: where it would describe a body that cannot be (RFC 9110 section 8.6)."""
    lines = fields.split(b"\r\n")
    return b"\r\n".join([line for line in lines if line[:15].lower() != b"content-length:"])

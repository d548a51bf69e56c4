"""Why something failed, told apart: from an exception of the system to a code, and to words for the operator.

A client gets the code and a constant sentence.  What names an address, a certificate or bytes that a service sent is the ``reason`` of the
error, for the logs only (``fastgw.errors.GatewayError``).
"""

from __future__ import annotations

import asyncio
import errno
import os
import ssl

from fastgw.core.labels import CAUSES
from fastgw.core.net.handshake import reason as tls_reason
from fastgw.errors import RETRY_ALWAYS, GatewayError, InternalError, UpstreamError

#: The code of what a breaker refuses (``live.breaking``): nobody was asked, so no endpoint has failed.
REFUSED = "breaker_open"
UNSEEN = "stream_refused"  #: what a service has said that it did not act on: it takes leave, or has enough, and has not failed
HEDGED = "hedged"  #: code of the error that ends a try which another was faster than

#: Of what an endpoint's failures are counted by, each in a counter of its own (``counters.ENDPOINT_CAUSES``); -1: in none.
PLACES = {code: place for place, code in enumerate(CAUSES)} | {REFUSED: -1, UNSEEN: -1}
PLACES |= {"first_token_timeout": PLACES["answer_timeout"], "event_timeout": PLACES["stream_idle_timeout"]}
OTHER = len(CAUSES) - 1

#: Those that a connection which could be opened disproves; the others are disproved by an answer.
CONNECTING = frozenset(CAUSES[: PLACES["no_resources"] + 1])

#: Those that say that an address cannot be connected to; that we have run out of something says nothing of it.
EJECTING = CONNECTING - {"no_resources", "name_not_found", "name_timeout", "name_failed"}

EXCERPT = 48  #: bytes of a broken answer that a reason shows

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL})
_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EAFNOSUPPORT})
_RESOURCES = {
    errno.EMFILE: "no descriptor is free in this process (see ulimit -n, LimitNOFILE)",
    errno.ENFILE: "no descriptor is free on this host (see fs.file-max)",
    errno.EADDRNOTAVAIL: "no local port is free for it, or no local address of its family (see net.ipv4.ip_local_port_range)",
}


def is_exhaustion(error: BaseException) -> bool:
    """Whether this process or host has run out of something: nobody on the other side is to blame."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _EXHAUSTED)


def connect_error(error: BaseException, is_tls: bool = False) -> GatewayError:
    """What it means for an exchange that no connection could be opened to its endpoint, over TLS or not.

    Nothing of a request has left, so it may be asked elsewhere, whatever it was.
    """
    reason = words(error)
    is_refused = isinstance(error, ConnectionRefusedError)
    # A connection that is reset, and not refused, was open: it broke in the handshake.
    if isinstance(error, ssl.SSLError) or (is_tls and isinstance(error, ConnectionError) and not is_refused):
        detail = "the TLS handshake with the service failed"
        return UpstreamError(502, "tls_failed", detail, retry=RETRY_ALWAYS, reason=reason)
    if isinstance(error, TimeoutError):
        detail = "the service did not accept a connection in time"
        if is_tls:
            reason += ", to the connection or in the TLS handshake"
        return UpstreamError(504, "connect_timeout", detail, retry=RETRY_ALWAYS, reason=reason)
    if is_exhaustion(error):
        return no_resources(reason)
    if is_refused:
        detail = "the service refused the connection"
        return UpstreamError(502, "connect_refused", detail, retry=RETRY_ALWAYS, reason=reason)
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        detail = "the service cannot be reached"
        return UpstreamError(502, "unreachable", detail, retry=RETRY_ALWAYS, reason=reason)
    detail = "no connection to the service could be opened"
    return UpstreamError(502, "connect_failed", detail, retry=RETRY_ALWAYS, reason=reason)


def no_resources(reason: str) -> InternalError:
    """The error where the gateway, and not the service, has run out of something."""
    detail = "the gateway has no room for another connection"
    return InternalError(503, "no_resources", detail, retry=RETRY_ALWAYS, reason=reason)


def words(error: BaseException) -> str:
    """``error`` in words, for the logs: one line, whatever library it came from."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        said = tls_reason(error)
        return "what it sent is not TLS" if said == "wrong version number" else said or "the handshake broke off"
    if isinstance(error, OSError) and error.errno in _RESOURCES:
        return _RESOURCES[error.errno]
    if isinstance(error, asyncio.TimeoutError) and not error.args:
        return "no answer in time"
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    if isinstance(error, OSError):
        return str(error.args[-1]) if error.args else type(error).__name__
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def excerpt(data: bytes, most: int = EXCERPT) -> str:
    """The beginning of ``data`` in printable characters, between quotes, and what it may be where that is known; ``most``: bytes of it."""
    shown = repr(data[:most])[1:] + ("..." if len(data) > most else "")
    if data[:2] in (b"\x15\x03", b"\x16\x03"):
        return f"{shown}, which is TLS"
    if len(data) > 4 and data[3:5] == b"\x04\x00":
        return f"{shown}, which is HTTP/2"
    return shown

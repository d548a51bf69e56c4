"""What else changes with a body: nobody who transforms one has to think of its length, its validators or its digests.

A body that may not be changed is not offered to a transformer at all: parts of a representation, whose bytes belong to others that went
another way; and whatever says ``no-transform`` (RFC 9110 section 7.7, RFC 9111 sections 5.2.1.6 and 5.2.2.6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastgw.wire.fields import OWN_RESPONSE_FIELDS, field_line, is_forbidden_trailer
from fastgw.wire.lines import has_any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastgw.wire.messages import Request, Response

#: Fields by which a request may say that it is not to be changed.
RESTRAINTS: Final = (b"content-range", b"cache-control")
#: Fields that tell of the very bytes that were sent (RFC 9530, RFC 3230, RFC 1864).
DIGESTS: Final = (b"content-digest", b"repr-digest", b"digest", b"content-md5")

_OF_BYTES: Final = (*DIGESTS, b"etag", b"accept-ranges")


def may_change_request(request: Request) -> bool:
    """Whether the body of ``request`` may be changed: it is no part of something (RFC 9110 section 14.5)."""
    if (request.edited is None or request.edited.isdisjoint(RESTRAINTS)) and not has_any(request.head, RESTRAINTS):
        return True
    return request.header(b"content-range") is None and not _says_no(request.header(b"cache-control"))


def may_change_response(request: Request, response: Response) -> bool:
    """Whether the body of an answer may be changed."""
    return (
        response.status != 206
        and request.method != b"HEAD"
        and not _says_no(response.header(b"cache-control"))
        and not _says_no(request.header(b"cache-control"))
    )


def mend_request(request: Request) -> None:
    """Say of ``request`` only what holds of another body: its length is not known, and digests are gone."""
    request.lose_length()
    request.edit(DIGESTS, ())


def mend_response(response: Response, vary: Sequence[bytes]) -> None:
    """Say of ``response`` only what holds of another body.

    A strong ETag becomes a weak one, which is right if the meaning is the same, and never takes part in a range (RFC 9110 section 8.8.1).

    Args:
        vary: lower-case names of the request's fields by which the body differs (RFC 9110 section 12.5.5).
    """
    response.lose_length()
    added = []
    tag = response.header(b"etag")
    if tag is not None and tag[:1] == b'"':
        added.append((b"etag", b"W/" + tag))
    elif tag is not None and tag[:2] == b"W/":
        added.append((b"etag", tag))
    if added or has_any(response.fields, _OF_BYTES) or (response.extra and has_any(response.extra, _OF_BYTES)):
        response.edit(_OF_BYTES, added)
    if vary:
        vary_by(response, vary)


def vary_by(response: Response, names: Sequence[bytes]) -> None:
    """Let no cache give this answer to a request in which the fields ``names`` (lower case) differ (RFC 9110 section 12.5.5)."""
    known = {name.strip(b" \t").lower() for name in (response.header(b"vary") or b"").split(b",")}
    missing = [name for name in names if name not in known] if b"*" not in known else []
    if missing:
        response.add_header(b"vary", b", ".join(missing))


def _says_no(cache_control: bytes | None) -> bool:
    if cache_control is None:
        return False
    return any(one.strip(b" \t").lower() == b"no-transform" for one in cache_control.split(b","))


def add_trailer(response: Response, name: bytes, value: bytes) -> None:
    """Put a field behind the body of ``response``.

    Raises:
        ValueError: it may not be there (RFC 9110 section 6.5.1), or is none.
    """
    if is_forbidden_trailer(name):
        raise ValueError(f"{name!r} may not be a trailer field")
    response.trailers += field_line(name, value, OWN_RESPONSE_FIELDS)
    response.rare = True

"""Request target and Host: one written rule for what is matched, what filters see and what is forwarded (RFC 9112 section 3.2, RFC 3986).

The path is brought to one form before anything looks at it, and that form is what the service gets:

    %41 %7e        escapes of unreserved characters are decoded         -> A ~      (RFC 3986 section 6.2.2.2)
    %2f %3b %c3    every other escape stays, its digits in upper case   -> %2F      a slash in data is never a separator
    /a/./b /a/../b dot segments are removed; one that leaves the root is refused: 400 (section 6.2.2.3, stricter)
    //             kept: empty segments are part of the path and match only a rule that a name would match there
    ;              an ordinary character, matched and forwarded as it is

The query is forwarded byte for byte.  What else may stand in either, unescaped, is what the URLs of browsers have (the WHATWG URL
standard's percent-encode sets of paths and queries): docs/security.md has the one table of it, which a test compares with this file.
Bytes escaped as %80..%FF are opaque (they need not be UTF-8): nothing here decodes them, so nothing can be hidden in them.
"""

from __future__ import annotations

import re

from fastgw.wire.errors import WireError, bad

_PATH_BYTES = bytes(sorted(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/[]|%"))
_QUERY_BYTES = bytes(sorted(set(_PATH_BYTES) | set(b'?"<>\\^`{}')))
#: A path of these characters only, without ``/.`` in it, is already in normal form.
_PLAIN_PATH = bytes(byte for byte in _PATH_BYTES if byte != ord("%"))
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPE = re.compile(rb"%(.{0,2})", re.S)
_HEX = re.compile(rb"[0-9A-Fa-f]{2}").fullmatch
_REG_NAME = re.compile(
    rb"((?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\.?)(?::([0-9]{0,5}))?"
).fullmatch
_IPV6 = re.compile(rb"(\[[0-9A-Fa-f:.]+\])(?::([0-9]{0,5}))?").fullmatch
_ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+.\-]*)://([^/?#]*)(.*)", re.S).fullmatch


def split_target(target: bytes) -> tuple[bytes, bytes]:
    """Path and query (with its ``?``) of an origin-form target, the path in normal form.

    Raises:
        WireError: 400, the target has no single reading.
    """
    mark = target.find(b"?")
    path, query = (target, b"") if mark < 0 else (target[:mark], target[mark:])
    if query:
        _refuse_others(query, _QUERY_BYTES, "query")
        if b"%00" in query:
            raise bad("the query of the request target has an escaped NUL")
    if path.translate(None, _PLAIN_PATH) or b"/." in path:
        path = normalise_path(path)
    return path, query


def normalise_path(path: bytes) -> bytes:
    """The one form of an absolute path (see the module's rule).

    Raises:
        WireError: 400.
    """
    _refuse_others(path, _PATH_BYTES, "path")
    if b"%" in path:
        path = _ESCAPE.sub(_normal_escape, path)
    return _remove_dot_segments(path) if b"/." in path else path


def _normal_escape(match: re.Match[bytes]) -> bytes:
    digits = match[1]
    if _HEX(digits) is None:
        raise bad("the path of the request target has a '%' that is not followed by two hexadecimal digits")
    byte = int(digits, 16)
    if byte == 0:
        raise bad("the path of the request target has an escaped NUL")
    return bytes((byte,)) if byte in _UNRESERVED else b"%" + digits.upper()


def _refuse_others(text: bytes, allowed: bytes, part: str) -> None:
    """Raise WireError for a byte that is not ``allowed``, naming it."""
    others = text.translate(None, allowed)
    if others:
        byte = others[0]
        name = f"the character {chr(byte)!r}" if 0x20 < byte < 0x7F else f"the byte 0x{byte:02x}"
        raise bad(f"the {part} of the request target has {name}, which must be escaped as %{byte:02X}")


def _remove_dot_segments(path: bytes) -> bytes:
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for segment in segments:
        if segment == b"..":
            if not kept:
                raise bad("the path of the request target leaves the root")
            kept.pop()
        elif segment != b".":
            kept.append(segment)
    if segments[-1] in (b".", b".."):
        kept.append(b"")
    return b"/" + b"/".join(kept)


def parse_authority(authority: bytes) -> bytes:
    """The host of a valid ``Host`` value or URI authority, lower-case, without port and without a final dot.

    A registered name is letters, digits, ``-``, ``_`` and dots: percent-escapes and sub-delimiters, which RFC 3986 section 3.2.2 would
    allow, have no use in a name that is looked up, and every one of them has been a smuggling vector.

    Raises:
        WireError: 400.
    """
    match = _REG_NAME(authority) or _IPV6(authority)
    if match is None or len(authority) > 262:
        raise bad("the Host is not a valid host name or address")
    host, port = match[1], match[2]
    if port and int(port) > 65535:
        raise bad("the port of the Host is out of range")
    if host.startswith(b"["):
        try:
            import ipaddress  # which few targets need

            ipaddress.IPv6Address(host[1:-1].decode())
        except ValueError:
            raise bad("the Host is not a valid IPv6 address") from None
    return host.lower().rstrip(b".")


def split_absolute(target: bytes) -> tuple[bytes, bytes]:
    """Authority and origin form of an absolute-form target.

    Raises:
        WireError: 400; the scheme is not http or https, or the authority is empty or carries userinfo.
    """
    match = _ABSOLUTE(target)
    if match is None:
        raise bad("the request target is neither a path nor an absolute http URI")
    scheme, authority, rest = match[1], match[2], match[3]
    if scheme.lower() not in (b"http", b"https"):
        raise bad("the scheme of the request target is not http or https")
    if not authority or b"@" in authority:
        raise bad("the authority of the request target is empty or carries user information")
    if not rest.startswith(b"/"):
        rest = b"/" + rest
    return authority, rest


__all__ = ["WireError", "normalise_path", "parse_authority", "split_absolute", "split_target"]

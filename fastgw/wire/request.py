"""A request head: bytes in, one reading out, or a refusal (RFC 9112 sections 2, 3, 5 and 6).

Two parsers read every head and both must be content.  ``httptools`` (llhttp, strict) checks the grammar; it has no limits, runs on into
pipelined messages and stops checking where an Upgrade begins, so it is only ever given exactly one head, found and measured beforehand,
and never a body.  ``scan_request`` then takes the lines apart: what is end to end stays as raw bytes in ``Request.fields``, what frames
or routes the message goes into attributes.  Last, ``RequestReader`` applies the rules that need the whole head.

    find end, limits -> httptools -> scan_request -> framing -> target and Host -> expectations and upgrades
"""

from __future__ import annotations

import httptools

from fastgw.wire.errors import WireError, bad
from fastgw.wire.fields import FieldTable, find_field
from fastgw.wire.scan import scan_request
from fastgw.wire.target import parse_authority, split_absolute, split_target
from fastgw.wire.websocket import check_handshake

NO_LENGTH = -1  #: ``content_length`` when the message has no such field: not the same as zero
MAX_LENGTH = 2**63 - 1
HOSTS_MAX = 4096  #: spellings of Host values remembered


class Request:
    """One request head.  Belongs to an exchange and is reset between messages, so nothing may keep a reference to it.

    All values are bytes as they arrived unless said otherwise.
    """

    __slots__ = (
        "authority",
        "chunked",
        "connection",
        "content_length",
        "expect",
        "extra",
        "fields",
        "forwarded_for",
        "forwarded_host",
        "forwarded_proto",
        "head",
        "host",
        "host_count",
        "keep_alive",
        "length_count",
        "method",
        "minor",
        "path",
        "query",
        "rare",
        "request_id",
        "target",
        "te_trailers",
        "transfer_encoding",
        "upgrade",
        "via",
    )

    def __init__(self) -> None:
        self.head = b""  #: the whole head as received
        self.method = b""
        self.target = b""  #: origin form, normalised: what is forwarded
        self.path = b""  #: of ``target``, without the query
        self.query = b""  #: with its ``?``, or empty
        self.minor = 1  #: HTTP/1.x
        self.authority = b""  #: host and port as the client gave them
        self.host = b""  #: lower-case, without port
        self.fields = b""  #: the end-to-end field lines, each with its CRLF
        self.content_length = NO_LENGTH
        self.chunked = False
        self.keep_alive = True  #: what the client asked for
        self.request_id = b""  #: valid, or empty; the ``request_id`` filter fills it
        self.extra = b""  #: field lines that hooks add, each with its CRLF
        self.reset_rare()

    def reset_rare(self) -> None:
        """Back to the defaults of what few requests carry; the scan sets all else every time."""
        self.rare = False
        self.host_count = 0
        self.length_count = 0
        self.transfer_encoding = b""
        self.connection = b""
        self.expect = False
        self.upgrade = b""  #: lower-case protocol of an upgrade that was asked for correctly
        self.te_trailers = False
        self.via = b""
        self.forwarded_for = b""
        self.forwarded_proto = b""
        self.forwarded_host = b""

    @property
    def has_body(self) -> bool:
        """Whether body bytes follow the head."""
        return self.chunked or self.content_length > 0

    def header(self, name: bytes) -> bytes | None:
        """The value of the field ``name`` (lower-case), repeated lines joined with ``", "``; None when absent."""
        return find_field(self.head, name)

    def set_header(self, name: bytes, value: bytes) -> None:
        """Forward ``name`` (lower-case) with this value instead of what the client sent; for hooks.

        Raises:
            ValueError: the value would end the field line.
        """
        if b"\r" in value or b"\n" in value or b"\0" in value:
            raise ValueError(f"the value of {name!r} has a control character")
        self.remove_header(name)
        self.extra += name + b": " + value + b"\r\n"

    def remove_header(self, name: bytes) -> None:
        """Do not forward ``name`` (lower-case); for hooks."""
        self.fields = _without(self.fields, name)
        self.extra = _without(self.extra, name)

    def __repr__(self) -> str:
        return f"<Request {self.method!r} {self.target!r} host={self.host!r}>"


def _without(fields: bytes, name: bytes) -> bytes:
    """``fields`` without every line of ``name`` (lower-case)."""
    if find_field(b"\r\n" + fields, name) is None:
        return fields
    return b"\r\n".join([line for line in fields.split(b"\r\n") if line.partition(b":")[0].lower() != name])


class RequestReader:
    """Reads heads for every connection of a worker: it keeps nothing between two heads but warm tables."""

    __slots__ = ("_hosts", "_is_inside_message", "_parser", "head_count", "uri_length")

    def __init__(self, head_count: int = 100, uri_length: int = 8192) -> None:
        """``head_count``: fields allowed; ``uri_length``: bytes of a request target allowed."""
        self.head_count = head_count
        self.uri_length = uri_length
        self._hosts: dict[bytes, bytes] = {}
        self._parser = httptools.HttpRequestParser(None)
        self._is_inside_message = False

    def read(self, head: bytes, request: Request, table: FieldTable) -> None:
        """Fill ``request`` from ``head``, which ends with its empty line and has the allowed size.

        Raises:
            WireError: the head has no single reading, or one that is not served; nothing of it may be forwarded.
        """
        self._check_grammar(head)
        if request.rare:
            request.reset_rare()
        request.head = head
        request.request_id = request.extra = b""
        scan_request(head, request, table, self.head_count)
        if len(request.target) > self.uri_length:
            raise WireError(414, "uri_too_long", f"the request target is longer than {self.uri_length} bytes")
        if request.transfer_encoding or request.length_count:
            self._frame(request)
        else:
            request.chunked = False
            request.content_length = NO_LENGTH
        self._route(request)
        if request.rare:
            _connection(request)
        else:
            request.keep_alive = request.minor == 1
            self._is_inside_message = request.minor == 0

    def _check_grammar(self, head: bytes) -> None:
        # A head that announces a body, an upgrade or a close leaves the parser inside that message.  It is replaced before the
        # next head rather than given body bytes: 0.2 us, and no state can cross from one connection to another.
        if self._is_inside_message:
            self._parser = httptools.HttpRequestParser(None)
        self._is_inside_message = True
        try:
            self._parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            return
        except httptools.HttpParserInvalidMethodError:
            raise WireError(501, "method_not_implemented", "the request method is not known") from None
        except httptools.HttpParserError as error:
            raise bad(f"the request head is malformed: {error}") from None

    def _frame(self, request: Request) -> None:
        """Body framing (RFC 9112 section 6.3), stricter: whatever two parsers could read differently is refused."""
        if request.transfer_encoding:
            if request.length_count:
                raise bad("the request has both Content-Length and Transfer-Encoding")
            if request.minor == 0:
                raise bad("Transfer-Encoding in an HTTP/1.0 request")
            if request.transfer_encoding.lower() != b"chunked":
                raise WireError(501, "coding_not_implemented", "the only transfer coding accepted is 'chunked', once")
            request.chunked = True
            request.content_length = NO_LENGTH
            return
        request.chunked = False
        if request.length_count != 1:
            raise bad("the request has more than one Content-Length")
        if request.content_length > MAX_LENGTH:
            raise WireError(413, "content_too_large", "the Content-Length is larger than any body can be")

    def _route(self, request: Request) -> None:
        """Target and Host (RFC 9112 section 3.2): sets ``target``, ``path``, ``query``, ``authority`` and ``host``."""
        target = request.target
        authority = request.authority
        if request.host_count != 1 and (request.host_count or request.minor):
            raise bad("the request has more than one Host" if request.host_count else "the request has no Host")
        if target[:1] == b"/":
            pass
        elif target == b"*":
            if request.method != b"OPTIONS":
                raise bad("the request target '*' is only for OPTIONS")
        else:
            if request.method == b"CONNECT":
                raise WireError(501, "method_not_implemented", "CONNECT is not served")
            named, target = split_absolute(target)
            if request.host_count and parse_authority(authority) != parse_authority(named):
                raise bad("the authority of the request target and the Host differ")
            request.authority = authority = named
            request.host_count = 1
        if request.method in (b"CONNECT", b"TRACE"):
            raise WireError(501, "method_not_implemented", f"{request.method.decode()} is not served")
        request.path, request.query = split_target(target) if target != b"*" else (target, b"")
        request.target = request.path + request.query if request.query else request.path
        if not request.host_count:
            request.authority = request.host = b""
            return
        host = self._hosts.get(authority)
        if host is None:
            host = parse_authority(authority)
            if len(self._hosts) < HOSTS_MAX:
                self._hosts[authority] = host
        request.host = host


def _connection(request: Request) -> None:
    """``Connection``, ``Upgrade`` and what they mean together (RFC 9110 sections 7.6.1 and 7.8)."""
    tokens = {token.strip(b" \t") for token in request.connection.lower().split(b",")}
    if request.minor == 1:
        request.keep_alive = b"close" not in tokens
    else:
        request.keep_alive = b"keep-alive" in tokens and b"close" not in tokens
    if request.upgrade:
        # An upgrade that HTTP/1.0, another method or a missing Connection makes void is ignored: the request stays plain HTTP.
        if b"upgrade" not in tokens or request.minor == 0 or request.upgrade in (b"h2c", b"h2", b"http/2.0"):
            request.upgrade = b""
        elif request.upgrade == b"websocket":
            if request.method != b"GET":
                request.upgrade = b""
            else:
                check_handshake(request)
        elif request.has_body or b"," in request.upgrade or b"tls" in request.upgrade:
            request.upgrade = b""

"""A request head: bytes in, one reading out, or a refusal (RFC 9112 sections 2, 3, 5 and 6).

Two parsers read every head and both must be content.  ``httptools`` (llhttp, strict) checks the grammar; it has no limits, runs on into
pipelined messages and stops checking where an Upgrade begins, so it is only ever given exactly one head, found and measured beforehand,
and never a body.  ``scan_request`` then takes the lines apart: what is end to end stays as raw bytes in ``Request.fields``, what frames
or routes the message goes into attributes.  Last, ``RequestReader`` applies the rules that need the whole head.

    find end, limits -> httptools -> scan_request -> framing -> target and Host -> expectations and upgrades
"""

from __future__ import annotations

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from fastgw.wire import scan
from fastgw.wire.errors import WireError, bad
from fastgw.wire.fields import FieldTable
from fastgw.wire.messages import Request
from fastgw.wire.methods import served
from fastgw.wire.special import split_request_line
from fastgw.wire.target import parse_authority, split_absolute, split_target
from fastgw.wire.websocket import check_handshake

SLASH = 0x2F  #: "/"
HOSTS_MAX = 4096  #: spellings of Host values remembered


class RequestReader:
    """Reads heads for every connection of a worker: it keeps nothing between two heads but warm tables."""

    __slots__ = ("_hosts", "_is_inside_message", "_parser", "head_count", "methods", "uri_length")

    def __init__(self, head_count: int = 100, uri_length: int = 8192, methods: frozenset[bytes] | None = None) -> None:
        """``head_count``: fields allowed; ``uri_length``: bytes of a request target allowed; ``methods``: those served."""
        self.head_count = head_count
        self.uri_length = uri_length
        self.methods = served() if methods is None else methods
        self._hosts: dict[bytes, bytes] = {}
        self._parser = HttpRequestParser(None)
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
        request.chunked = False
        request.request_id = request.extra = request.original_path = b""
        request.edited = None
        scan.scan_request(head, request, table, self.head_count)
        if len(request.target) > self.uri_length:
            raise WireError(414, "uri_too_long", f"the request target is longer than {self.uri_length} bytes")
        if request.transfer_encoding:
            _check_coding(request)
        if request.length_count > 1:
            raise bad("the request has more than one Content-Length")
        self._route(request)
        request.keep_alive = request.minor == 1 and not request.closes
        if request.rare and (request.connection or request.upgrade or request.transfer_encoding or not request.minor):
            _connection(request)
            return
        self._is_inside_message = request.content_length > 0 or not request.keep_alive

    def _check_grammar(self, head: bytes) -> None:
        # A head that announces a body, an upgrade or a close leaves the parser inside that message.  It is replaced before the
        # next head rather than given body bytes: 0.2 us, and no state can cross from one connection to another.
        if head[0] <= 13:  # httptools skips them, the service would get them as part of the method
            raise bad("a bare CR or LF stands before the request line")
        if self._is_inside_message:
            self._parser = HttpRequestParser(None)
        self._is_inside_message = True
        try:
            self._parser.feed_data(head)
        except HttpParserUpgrade:
            return
        except HttpParserError:
            self._parser = HttpRequestParser(None)
            _check_with_stand_in(head)

    def _route(self, request: Request) -> None:
        """Target and Host (RFC 9112 section 3.2): sets ``target``, ``path``, ``query``, ``authority`` and ``host``."""
        target = request.target
        authority = request.authority
        method = request.method
        # The usual two are told without hashing them: 1 % of all instructions of a POST.
        if method != b"GET" and method != b"POST" and method not in self.methods:
            raise WireError(501, "method_not_implemented", _unserved(method))
        if request.host_count != 1 and (request.host_count or request.minor):
            raise bad("the request has more than one Host" if request.host_count else "the request has no Host")
        if target and target[0] == SLASH:
            pass
        elif target == b"*":
            if request.method != b"OPTIONS":
                raise bad("the request target '*' is only for OPTIONS")
        else:
            named, target = split_absolute(target)
            if request.host_count and parse_authority(authority) != parse_authority(named):
                raise bad("the authority of the request target and the Host differ")
            request.authority = authority = named
            request.host_count = 1
        if not scan.scan_target(target, request):
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


def _check_with_stand_in(head: bytes) -> None:
    """Check a head that httptools refused once more, with a method and a version that it knows in the place of its own: it refuses every
    method that is not on its list, and HTTP/1.2.  Which methods are served is ours to say.

    Raises:
        WireError: 400, 505.
    """
    line, _, fields = head.partition(b"\r\n")
    _, target, minor = split_request_line(line)
    try:
        HttpRequestParser(None).feed_data(b"GET %b HTTP/1.%d\r\n%b" % (target, minor, fields))
    except HttpParserUpgrade:
        return
    except HttpParserError as error:
        raise bad(f"the request head is malformed: {error}") from None


def _unserved(method: bytes) -> str:
    if method in (b"CONNECT", b"TRACE"):
        return f"{method.decode()} is not served"
    return "the request method is neither a registered one nor one that a route names"


def _check_coding(request: Request) -> None:
    """Body framing by Transfer-Encoding (RFC 9112 section 6.3), stricter: what two parsers could read differently is refused."""
    if request.length_count:
        raise bad("the request has both Content-Length and Transfer-Encoding")
    if request.minor == 0:
        raise bad("Transfer-Encoding in an HTTP/1.0 request")
    if request.transfer_encoding.lower() != b"chunked":
        raise WireError(501, "coding_not_implemented", "the only transfer coding accepted is 'chunked', once")
    request.chunked = True


def _connection(request: Request) -> None:
    """``Connection``, ``Upgrade`` and what they mean together (RFC 9110 sections 7.6.1 and 7.8)."""
    tokens = {token.strip(b" \t") for token in request.connection.lower().split(b",")}
    if request.minor == 1:
        request.keep_alive = b"close" not in tokens and not request.closes
    else:
        request.keep_alive = b"keep-alive" in tokens and b"close" not in tokens
        request.expect = False  # which HTTP/1.0 does not know: it is ignored (RFC 9110 section 10.1.1)
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

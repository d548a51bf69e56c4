"""What a head says, as attributes: filled by the readers, read by everything else, reset between messages."""

from __future__ import annotations

from collections.abc import Sequence

from fastgw.wire import lines as field_lines
from fastgw.wire.errors import bad
from fastgw.wire.fields import (
    OWN_REQUEST_FIELDS,
    OWN_RESPONSE_FIELDS,
    field_line,
    find_field,
    is_forbidden_trailer,
    refuse_name,
)
from fastgw.wire.serialize import status_line
from fastgw.wire.target import normalise_path

#: What routes ask for in the place of a field: how ``content-type`` begins, where that is ``application/grpc``, which has many ends.
KIND = b"content-type*"
CALL = b"application/grpc"
NO_LENGTH = -1  #: ``content_length`` when the message has no such field: not the same as zero
MAX_LENGTH = 2**63 - 1

# How the end of a body is known (RFC 9112 section 6.3).  Of an answer: as whoever takes it is told, BODY_UNTIL_CLOSE is data alone, of a
# length that is not known.
BODY_NONE = 0
BODY_LENGTH = 1
BODY_CHUNKED = 2
BODY_UNTIL_CLOSE = 3


#: What ``Request.become_copy`` takes over.
_OF_MESSAGE = (
    *("head", "method", "target", "path", "query", "minor", "authority", "host", "host_count", "fields", "extra"),
    *("length_count", "content_length", "chunked", "transfer_encoding", "te_trailers", "request_id", "rare", "edited"),
    *("via", "forwarded_for", "forwarded_proto", "forwarded_host", "timeout", "original_path", "routed_path"),
)


def kind_of(content_type: bytes | None) -> bytes | None:
    """The value of ``KIND`` for a request with this ``content-type``."""
    is_call = content_type is not None and content_type[: len(CALL)].lower() == CALL
    return CALL if is_call else content_type


class Message:
    """The head of either.  Belongs to an exchange and is reset between messages, so nothing may keep a reference to it.

    All values are bytes as they arrived unless said otherwise.
    """

    __slots__ = (
        "connection",
        "content_length",
        "extra",
        "fields",
        "head",
        "keep_alive",
        "length_count",
        "minor",
        "rare",
        "request_id",
        "transfer_encoding",
        "upgrade",
    )

    _own = frozenset[bytes]()  # lower-case names of fields that hooks cannot change

    def __init__(self) -> None:
        self.head = b""  #: the whole head as received
        self.minor = 1  #: HTTP/1.x
        self.fields = b""  #: the end-to-end field lines, each with its CRLF; with Content-Length, if it frames the body
        self.extra = b""  #: field lines that hooks add, each with its CRLF
        self.length_count = 0
        self.content_length = NO_LENGTH
        self.keep_alive = True  #: what the sender asked for
        self.request_id = b""  #: of a request valid, or empty; the ``request_id`` filter fills it
        self.reset_rare()

    def reset_rare(self) -> None:
        """Back to the defaults of what few messages carry; the scan sets all else every time."""
        self.rare = False
        self.transfer_encoding = b""
        self.connection = b""
        self.upgrade = b""  #: lower-case protocol of an upgrade that was asked for correctly

    def set_header(self, name: bytes, value: bytes) -> None:
        """Pass on ``name`` (lower-case) with this value in the place of any other; for hooks.

        Raises:
            ValueError: as ``edit``.
        """
        self.edit((name,), ((name, value),))

    def add_header(self, name: bytes, value: bytes) -> None:
        """Pass on one more line of ``name`` (lower-case); for hooks.

        Raises:
            ValueError: as ``edit``.
        """
        self.edit((), ((name, value),))

    def remove_header(self, name: bytes) -> None:
        """Do not pass on ``name`` (lower-case); for hooks.

        Raises:
            ValueError: as ``edit``.
        """
        self.edit((name,), ())

    def edit(self, removed: Sequence[bytes], added: Sequence[tuple[bytes, bytes]]) -> None:
        """Pass on the fields without those ``removed``, and behind them those ``added``; names are lower-case.

        Raises:
            ValueError: a value has a control character, or the gateway itself says what the name does.  Nothing is changed then.
        """
        for name in removed:
            refuse_name(name, self._own)
        lines = b"".join([field_line(name, value, self._own) for name, value in added])
        if removed:
            self.fields = field_lines.without_fields(self.fields, removed)
            self.extra = field_lines.without_fields(self.extra, removed)
        self.extra += lines

    def sent(self, name: bytes) -> bytes | None:
        """The value of the field ``name`` (lower-case) as it is passed on, repeated lines joined with ``", "``; None when absent."""
        value = field_lines.value_of(self.fields, name)
        if self.extra:
            more = field_lines.value_of(self.extra, name)
            if more is not None:
                value = more if value is None else value + b", " + more
        return value

    def lose_length(self) -> None:
        """Announce no length of the body."""
        self.fields = field_lines.without_fields(self.fields, (b"content-length",))
        self.content_length = NO_LENGTH
        self.length_count = 0

    def gain_length(self, length: int) -> None:
        """Announce a body of ``length`` bytes, handed on as data alone."""
        self.fields = field_lines.with_length(self.fields, length)
        self.content_length = length
        self.length_count = 1


class Request(Message):
    """One request head."""

    __slots__ = (
        "authority",
        "chunked",
        "closes",
        "edited",
        "expect",
        "forwarded_for",
        "forwarded_host",
        "forwarded_proto",
        "host",
        "host_count",
        "method",
        "original_path",
        "path",
        "query",
        "routed_path",
        "target",
        "te_trailers",
        "timeout",
        "via",
    )

    _own = OWN_REQUEST_FIELDS

    def __init__(self) -> None:
        self.method = b""
        self.target = b""  #: origin form, normalised: what is forwarded
        self.path = b""  #: of ``target``, without the query
        self.query = b""  #: with its ``?``, or empty
        self.authority = b""  #: host and port as the client gave them
        self.host = b""  #: lower-case, without port
        self.host_count = 0
        self.chunked = False  #: a body follows, of a length that is not known
        self.closes = False  #: a Connection line of HTTP/1.1 says "close", and nothing else
        self.edited: frozenset[bytes] | None = None  #: lower-case names of the fields that hooks have changed
        self.original_path = b""  #: the path that was asked for, where a hook has put another in its place; else empty
        self.routed_path = b""  #: what was put there before a route was looked for; else empty
        Message.__init__(self)

    def reset_rare(self) -> None:
        """See ``Message``."""
        Message.reset_rare(self)
        self.expect = False
        self.te_trailers = False
        self.via = b""
        self.forwarded_for = b""
        self.forwarded_proto = b""
        self.forwarded_host = b""
        self.timeout = b""  #: milliseconds that a trusted peer waits, as it says
        self.routed_path = b""

    def become_copy(self, of: Request) -> None:
        """Say what ``of`` says of the message, and nothing that it says of the connection it came on, or asks of it."""
        self.reset_rare()
        for name in _OF_MESSAGE:
            setattr(self, name, getattr(of, name))
        self.keep_alive = False

    @property
    def matched_path(self) -> bytes:
        """The path that a route is looked for by, whatever is put in its place later."""
        return self.routed_path or self.original_path or self.path

    def keep_as_routed(self) -> None:
        """The hooks that come before routing have run: whatever they made of the path is what routes match."""
        if self.original_path:
            self.routed_path = self.path
            self.rare = True

    def name_by(self, request_id: bytes) -> None:
        """Have this request be named so to the service and the client; for hooks.

        Raises:
            ValueError: it is not 1 to 128 visible characters, as an id that a client sends must be.
        """
        if not 0 < len(request_id) <= 128 or not all(0x21 <= byte <= 0x7E for byte in request_id):
            raise ValueError("an id of a request has 1 to 128 visible characters")
        self.request_id = request_id

    @property
    def has_body(self) -> bool:
        """Whether body bytes follow the head."""
        return self.chunked or self.content_length > 0

    def header(self, name: bytes) -> bytes | None:
        """The value of the field ``name`` (lower-case), repeated lines joined with ``", "``; None when absent.

        It is what the client sent, or what hooks have made of it.
        """
        if self.edited is not None and name in self.edited:
            return self.forwarded(name)
        if name == KIND:
            return kind_of(self.header(b"content-type"))
        if name == b"x-request-id" and self.request_id:
            return self.request_id
        return find_field(self.head, name)

    def forwarded(self, name: bytes) -> bytes | None:
        """The same of the fields that go to the service as they are: without those the gateway drops, or writes itself."""
        return Message.sent(self, name)

    def edit(self, removed: Sequence[bytes], added: Sequence[tuple[bytes, bytes]]) -> None:
        """See ``Message``; the own fields are ``OWN_REQUEST_FIELDS``."""
        Message.edit(self, removed, added)
        self.edited = (self.edited or frozenset()).union(removed, [name for name, _ in added])

    def change(self, removed: tuple[bytes, ...], lines: bytes, edited: frozenset[bytes]) -> None:
        """As ``edit``, of what was looked at before, and without a copy where there is nothing to be changed.

        Args:
            removed: names that ``refuse_name`` lets pass.
            lines: fields that are added, made by ``field_line``.
            edited: what ``self.edited`` is afterwards: it has these and those, and all that it had.
        """
        if removed:
            self.fields = field_lines.without_fields(self.fields, removed)
            if self.extra:
                self.extra = field_lines.without_fields(self.extra, removed)
        if lines:
            self.extra = self.extra + lines if self.extra else lines
        self.edited = edited

    def drop(self, names: tuple[bytes, ...]) -> bool:
        """Pass on the fields without ``names``, which ``refuse_name`` lets pass; whether there was one of them.  ``edited`` stays."""
        fields, extra = self.fields, self.extra
        self.fields = field_lines.without_fields(fields, names)
        if extra:
            self.extra = field_lines.without_fields(extra, names)
        return len(self.fields) != len(fields) or len(self.extra) != len(extra)

    def lose_length(self) -> None:
        """Announce a body of a length that is not known."""
        Message.lose_length(self)
        self.chunked = True
        self.rare = True

    def gain_length(self, length: int) -> None:
        """Announce a body of ``length`` bytes."""
        Message.gain_length(self, length)
        self.chunked = False

    def rewrite(self, path: bytes) -> None:
        """Ask the service for ``path`` instead; the query stays; for hooks.

        Raises:
            WireError: it is no path, or leaves the root; nothing is changed then.
        """
        if path[:1] != b"/":
            raise bad("the path of the request target does not begin with '/'")
        path = normalise_path(path)
        self.original_path = self.original_path or self.path
        self.path = path
        self.target = path + self.query

    def __repr__(self) -> str:
        return f"<Request {self.method!r} {self.target!r} host={self.host!r}>"


class Response(Message):
    """One response head."""

    __slots__ = (
        "body",
        "has_date",
        "line",
        "status",
        "trailers",
    )

    _own = OWN_RESPONSE_FIELDS

    def __init__(self) -> None:
        Message.__init__(self)
        self.status = 0  #: 0: no answer yet
        self.line = b""  #: the status line as it is passed on, with its CRLF
        self.body = BODY_NONE
        self.has_date = False

    def reset_rare(self) -> None:
        """See ``Message``."""
        Message.reset_rare(self)
        self.trailers = b""  #: field lines behind a body of an unknown length, each with its CRLF

    def lose_length(self) -> None:
        """Announce a body of a length that is not known, handed on as data alone."""
        Message.lose_length(self)
        self.body = BODY_UNTIL_CLOSE

    def gain_length(self, length: int) -> None:
        """Announce a body of ``length`` bytes, handed on as data alone."""
        Message.gain_length(self, length)
        self.transfer_encoding = b""
        self.body = BODY_LENGTH

    @property
    def reason(self) -> bytes:
        """The reason phrase; it may be empty."""
        return self.line[13:-2]

    def set_status(self, status: int) -> None:
        """Pass the answer on with another status; for hooks.

        Raises:
            ValueError: not from 200 to 599, or one of both has no body and the other may have one (204 and 304, RFC 9110 section
                6.4.1): its framing would be read in another way than it is sent.  Nor can a 101 be another.
        """
        old = self.status
        if not 200 <= status <= 599 or old < 200 or (status in (204, 304)) != (old in (204, 304)):
            raise ValueError(f"an answer of status {old} cannot be passed on as {status}")
        self.turn_into(status)

    def turn_into(self, status: int) -> None:
        """Be the answer of this status that the gateway makes."""
        self.status = status
        self.line = status_line(status)

    def header(self, name: bytes) -> bytes | None:
        """The value of the field ``name`` (lower-case) that the client gets, repeated lines joined with ``", "``; None when absent."""
        if name == b"x-request-id" and self.request_id:
            return self.request_id
        return Message.sent(self, name)

    def trailer(self, name: bytes) -> bytes | None:
        """The same of the fields behind the body; None also as long as its end has not come."""
        return find_field(b"\r\n" + self.trailers, name)

    def set_trailer(self, name: bytes, value: bytes) -> None:
        """Send ``name`` (lower-case) with this value behind the body, in the place of any other; for hooks, of an answer that has trailers.

        Raises:
            ValueError: it may not be there, or as ``edit``.
        """
        if is_forbidden_trailer(name):
            raise ValueError(f"{name!r} may not be a trailer field")
        line = field_line(name, value, self._own)
        self.trailers = field_lines.without_fields(self.trailers, (name,)) + line
        self.rare = True

    def take_trailers(self) -> bytes:
        """The fields behind the body, lines each with its CRLF; the client gets none of them then, unless they are set again."""
        taken, self.trailers = self.trailers, b""
        return taken

"""A client of the gateway in its own process: requests as bytes of HTTP/1.1 to a listener, past the network, and their answers whole.

    ask ──▶ OwnConnection (a transport) ── data_received ──▶ the connection of a client of that listener
        ◀── ``on_answer`` ── the parser ◀── write ──

To the listener it is a connection like any other, so routes, filters, limits, logs and counters are those of any request.  It has no
address, as clients of unix sockets have none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httptools

if TYPE_CHECKING:
    from fastgw.core.dataplane import DataPlane

PIECE: Final = 64 * 1024  #: bytes of a request that are handed over at once


class OwnAnswer(NamedTuple):
    """What a request was answered with."""

    status: int
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes


class OwnConnection:
    """One connection of a client, and its transport; one request at a time."""

    def __init__(self, plane: DataPlane, make_client: Callable[[], Any], max_answer: int) -> None:
        """``make_client``: see ``core.protocols.client_factory``; ``max_answer``: bytes of a body that are taken."""
        self._loop = plane.loop
        self._max_answer = max_answer
        self._unread: deque[bytes] = deque()  # of a request
        self._is_reading = True
        self._is_closing = False
        self._on_answer: Callable[[OwnAnswer | None], None] | None = None
        self._parser: Any = None
        self._fields: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._client = make_client()
        self._client.connection_made(self)

    @property
    def is_free(self) -> bool:
        """Whether it may be asked."""
        return not self._is_closing and self._on_answer is None

    def ask(self, request: bytes, on_answer: Callable[[OwnAnswer | None], None]) -> None:
        """Send ``request``, head and body; ``on_answer`` is called once: None, there is none, or it is too large."""
        self._on_answer = on_answer
        self._parser = httptools.HttpResponseParser(self)
        self._fields, self._body, self._size = [], [], 0
        self._unread.extend(request[at : at + PIECE] for at in range(0, len(request), PIECE))
        self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        while self._unread and self._is_reading and not self._is_closing:
            self._client.data_received(self._unread.popleft())

    def _end(self, answer: OwnAnswer | None) -> None:
        on_answer, self._on_answer = self._on_answer, None
        if on_answer is not None:
            self._unread.clear()
            on_answer(answer)

    # --- what the parser tells

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field, of the head or behind the body."""
        self._fields.append((name.lower(), value))

    def on_body(self, data: bytes) -> None:
        """More of the body."""
        self._size += len(data)
        if self._size <= self._max_answer:
            self._body.append(data)

    def on_message_complete(self) -> None:
        """The answer is whole; a 1xx is none."""
        status = self._parser.get_status_code()
        if status >= 200:
            keeps = self._parser.should_keep_alive()
            whole = self._size <= self._max_answer
            self._loop.call_soon(
                self._end, OwnAnswer(status, tuple(self._fields), b"".join(self._body)) if whole else None
            )
            if not keeps:
                self.close()

    # --- a transport

    def write(self, data: bytes) -> None:
        """See ``asyncio.Transport``."""
        if self._on_answer is None:
            return
        try:
            self._parser.feed_data(bytes(data))
        except httptools.HttpParserError:
            self.abort()
            return
        if self._size > self._max_answer:
            self.abort()

    def writelines(self, lines: Any) -> None:
        """See ``asyncio.Transport``."""
        self.write(b"".join(lines))

    def close(self) -> None:
        """See ``asyncio.Transport``: what is written has arrived."""
        if not self._is_closing:
            self._is_closing = True
            self._loop.call_soon(self._lost)

    def abort(self) -> None:
        """See ``asyncio.Transport``."""
        self.close()

    def _lost(self) -> None:
        self._client.connection_lost(None)
        self._loop.call_soon(self._end, None)  # behind an answer that is whole

    def is_closing(self) -> bool:
        """See ``asyncio.Transport``."""
        return self._is_closing

    def pause_reading(self) -> None:
        """See ``asyncio.Transport``."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """See ``asyncio.Transport``."""
        self._is_reading = True
        self._loop.call_soon(self._deliver)

    def can_write_eof(self) -> bool:
        """See ``asyncio.Transport``."""
        return False

    def get_write_buffer_size(self) -> int:
        """See ``asyncio.Transport``: nothing waits."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See ``asyncio.Transport``."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See ``asyncio.Transport``: it has no socket."""
        return default

"""``basic``: who knows the password of a user may pass (RFC 7617).

Passwords are in a file as ``htpasswd -B`` writes it, as bcrypt: to try one takes a processor tens of milliseconds, on purpose.  So it is
tried in a thread, one after the other, and what was right is remembered, by a digest of the credentials that nobody outside this process
can compute, until the file changes.  What was wrong is not remembered.
"""

from __future__ import annotations

import asyncio
import binascii
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.labels import DENIERS
from fastgw.errors import DownstreamError, InternalError
from fastgw.filters.credentials import NOTHING, edit, finder
from fastgw.filters.htpasswd import parse_users
from fastgw.filters.reread import RereadFile

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

NOTE: Final = "basic"  #: the note that has the name of the user
MOST_WAITING: Final = 64  #: credentials that wait to be tried, or are; each worker

_DENIED = counters.ROUTE_DENIED + DENIERS.index("basic")
_LONGEST: Final = 1024  #: bytes of credentials
_LONGEST_PASSWORD: Final = 72  #: bytes: bcrypt sees no more

Users = Mapping[bytes, bytes]  #: the hash of each one's password, by name
Submit = Callable[[Callable[[], bool]], "Future[bool]"]


class Basic:
    """Lets requests through that have the name of a user and the right password."""

    __slots__ = (
        "_cache",
        "_dummy",
        "_fields",
        "_file",
        "_find",
        "_header",
        "_headers",
        "_keeps",
        "_loop",
        "_most",
        "_secret",
        "_submit",
        "_trying",
        "_users",
        "name",
    )

    logged = (NOTE,)

    def __init__(self, name: str, options: Mapping[str, Any], submit: Submit | None = None) -> None:
        """``options``: ``file``; ``realm``; ``forward``; ``header``, a field or empty; ``cache``.

        ``submit``: has something done elsewhere, by default in a thread."""
        self.name = name
        self._find = finder("authorization", b"basic")
        self._file: RereadFile[dict[bytes, bytes]] = RereadFile(options["file"], parse_users, self._take)
        self._headers = (("www-authenticate", f'Basic realm="{options["realm"] or name}", charset="UTF-8"'),)
        self._keeps: bool = options["forward"]
        self._header: bytes = options["header"].encode()
        self._fields = frozenset((self._header,)) if self._header else frozenset()
        self._most: int = options["cache"]
        self._cache: dict[bytes, bytes] = {}  #: names of users by the digest of what they said
        self._trying: dict[bytes, asyncio.Future[bool]] = {}
        self._secret = secrets.token_bytes(32)
        self._users: Users = {}
        self._dummy = b""
        self._submit = submit
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read the file; OSError if that is not possible."""
        self._loop = loop
        self._file.start(loop)

    def stop(self) -> None:
        """Look at the file no more; whose password is being tried gets an answer all the same."""
        self._file.stop()

    def request(self, exchange: Exchange) -> Awaitable[None] | None:
        """Let it through, refuse it, or try its password first."""
        self._file.complain(exchange, self.name)
        found = self._find.tokens(exchange.request)
        if not found:
            self._count_refused(exchange)
            raise DownstreamError(401, "no_credentials", "a user and a password are needed here", headers=self._headers)
        if len(found) > 1:
            self._count_refused(exchange)
            detail = "the request has more than one user and password"
            raise DownstreamError(400, "repeated_credentials", detail, headers=self._headers)
        digest = hashlib.blake2b(found[0], digest_size=32, key=self._secret).digest()
        name = self._cache.get(digest)
        if name is not None:
            self._let_through(exchange, name)
            return None
        said = _decoded(found[0])
        if said is None:
            raise self._refusal(exchange)
        trying = self._trying.get(digest)
        if trying is None:
            if len(self._trying) >= MOST_WAITING:
                detail = "too many passwords are being checked"
                raise InternalError(503, "credentials_busy", detail, headers=(("retry-after", "1"),))
            trying = self._try(digest, *said)
        return self._wait(exchange, trying, said[0])

    async def _wait(self, exchange: Exchange, trying: asyncio.Future[bool], name: bytes) -> None:
        if not await asyncio.shield(trying):  # others may wait for the same
            raise self._refusal(exchange)
        self._let_through(exchange, name)

    def _try(self, digest: bytes, name: bytes, password: bytes) -> asyncio.Future[bool]:
        """Whether it is the password, some time; also of a user that there is not, which takes as long."""
        users = self._users
        hashed = users.get(name, self._dummy)
        is_fit = name in users and len(password) <= _LONGEST_PASSWORD

        def is_right() -> bool:
            from bcrypt import checkpw  # only who has users needs it

            return checkpw(password[:_LONGEST_PASSWORD], hashed) and is_fit

        if self._submit is None:
            self._submit = ThreadPoolExecutor(1, thread_name_prefix="basic").submit
        trying = asyncio.wrap_future(self._submit(is_right), loop=self._loop)
        self._trying[digest] = trying

        def tried(_: object) -> None:
            del self._trying[digest]
            if not trying.cancelled() and trying.exception() is None and trying.result() and users is self._users:
                self._remember(digest, name)

        trying.add_done_callback(tried)
        return trying

    def _remember(self, digest: bytes, name: bytes) -> None:
        if self._most:
            if len(self._cache) >= self._most:
                del self._cache[next(iter(self._cache))]  # the oldest
            self._cache[digest] = name

    def _take(self, users: dict[bytes, bytes]) -> None:
        self._users = users
        self._cache = {}
        self._dummy = b"$2b$%02d$" % max(int(hashed[4:6]) for hashed in users.values()) + b"." * 53

    def _let_through(self, exchange: Exchange, name: bytes) -> None:
        request = exchange.request
        removal = NOTHING if self._keeps else self._find.removal(request)
        edit(request, removal, self._fields, ((self._header, name),) if self._header else ())
        exchange.note(NOTE, name.decode())

    def _count_refused(self, exchange: Exchange) -> None:
        exchange.plane.values[exchange.route.base + _DENIED] += 1

    def _refusal(self, exchange: Exchange) -> DownstreamError:
        self._count_refused(exchange)
        detail = "this is not the password of a user"
        reason = f"{detail}, says the filter {self.name!r}"
        return DownstreamError(401, "invalid_credentials", detail, reason=reason, headers=self._headers)


def _decoded(token: bytes) -> tuple[bytes, bytes] | None:
    """Name and password (RFC 7617 section 2); None: it is none."""
    if len(token) > _LONGEST:
        return None
    try:
        data = binascii.a2b_base64(token, strict_mode=True)
    except binascii.Error:
        return None
    name, colon, password = data.partition(b":")
    return (name, password) if colon and b"\0" not in data else None

"""A client of etcd v3 by its JSON gateway (``/v3/...``, etcd 3.4 and later), over several endpoints.

    ask         one question and its answer: of one endpoint, or of the first that answers
    results     a question whose answers never end (a watch)

The gateway speaks protobuf's JSON: keys and values are base64, integers of 64 bits are texts, and what has its default is absent (``type``
of a PUT, a ``count`` of 0, ``TTL`` of a lease that is gone).  An error is an object ``{"error", "code"}`` with a status of its own, or
``{"error": {"grpc_code", "message"}}`` in the middle of a stream that began with 200; both are read wherever they stand.

Only what is configured is asked: the members that the cluster tells of are not, since they may be told by addresses that mean something
else here.  A member that has left the cluster ends, so the next endpoint is asked.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from fastgw.core.calls import AsMember, Caller, CallError
from fastgw.core.settings import Url
from fastgw.core.sources import ClientTls, EtcdSettings
from fastgw.core.streamed import streamed
from fastgw.discovery.client_tls import tls_context
from fastgw.discovery.lines import LINE_MOST, WholeLines
from fastgw.discovery.listing import SourceError

ANSWER_MOST: Final = 4 * 1024 * 1024  #: bytes of one answer
ASKING_MOST: Final = 8  #: questions under way at once, of everybody who shares a client
CONNECTIONS: Final = 2  #: kept to one endpoint

#: Codes of gRPC (https://grpc.github.io/grpc/core/md_doc_statuscodes.html) that say something of the question.
INVALID, NOT_FOUND, DENIED, PRECONDITION, OUT_OF_RANGE, UNAUTHENTICATED = 3, 5, 7, 9, 11, 16
#: And those that say something of the endpoint.
_ELSEWHERE_CODES: Final = frozenset({1, 2, 4, 8, 10, 13, 14, 15})
#: Causes that another endpoint may not have.
ELSEWHERE: Final = frozenset(
    ["refused", "unresolved", "unreachable", "tls", "timeout", "broken", "busy", "unavailable"]
)

_OLD_STORE = "revision of auth store is old"  # users or roles have changed; the code is INVALID, as of much else
_CREDENTIALS = ("authentication failed", "user name", "auth token", _OLD_STORE)

_T = TypeVar("_T")


class EtcdError(SourceError):
    """etcd has no answer that can be used, or says no; ``code``: of gRPC, 0 where etcd itself has said nothing."""

    def __init__(self, cause: str, detail: str, code: int = 0) -> None:
        super().__init__(cause, detail)
        self.code = code


class EtcdClient:
    """One cluster, with the same credentials; whoever watches it may share it."""

    def __init__(self, settings: EtcdSettings) -> None:
        """Nothing is opened or read yet; ``prefix`` of the settings is not looked at."""
        self._settings = settings
        self._urls = [Url(is_tls, host, port, "/") for is_tls, host, port in settings.endpoints]
        self._callers: list[Caller | None] = [None] * len(self._urls)
        self._room = asyncio.Semaphore(ASKING_MOST)
        self._authenticating = asyncio.Lock()
        self._token: str | None = None  # None: not asked for; empty: there is none
        self._users = 0
        self._at = 0

    def __str__(self) -> str:
        """Its endpoints, for people."""
        return ",".join(str(url).rstrip("/") for url in self._urls)

    @property
    def order(self) -> list[int]:
        """The numbers of the endpoints, first the one that has answered last."""
        return [(self._at + step) % len(self._urls) for step in range(len(self._urls))]

    def prefer(self, at: int) -> None:
        """Ask endpoint ``at`` first from now on: it has answered."""
        self._at = at

    @contextmanager
    def used(self) -> Iterator[None]:
        """Keep connections meanwhile; with the last one who does they are closed."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                for at in range(len(self._urls)):
                    self._forget(at)

    async def ask(self, path: str, message: dict[str, Any], at: int | None = None) -> dict[str, Any]:
        """The answer to ``message`` at ``path``, such as ``/v3/kv/range``.

        Args:
            at: the number of the endpoint that is asked; None: the first that answers.

        Raises:
            EtcdError: there is none.
        """

        async def one(number: int) -> dict[str, Any]:
            return await self._authorized(number, lambda token: self._ask(number, path, message, token))

        return await one(at) if at is not None else await self.first(one)

    async def first(self, ask: Callable[[int], Awaitable[_T]]) -> _T:
        """What ``ask`` returns of the first endpoint that answers; it is called with the numbers of endpoints.

        Raises:
            EtcdError: it said no, or none answers.
        """
        errors = []
        for number in self.order:
            try:
                found = await ask(number)
            except EtcdError as error:
                if error.cause not in ELSEWHERE:
                    raise
                errors.append(error)
            else:
                self.prefer(number)
                return found
        raise unanswered(errors)

    async def results(
        self, path: str, message: dict[str, Any], at: int, idle: float
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Each ``result`` of a stream, for ever (``contextlib.aclosing`` ends it).

        Args:
            at: the number of the endpoint that is asked.
            idle: seconds without one, after which it is given up.

        Raises:
            EtcdError: it has ended, or never began.
        """
        token, caller = await self._credentials(at), self._caller(at)
        body = json.dumps(message).encode()
        call = streamed(caller, b"POST", _fields(token), body, path, limit=self._settings.timeout, idle=idle)
        try:
            async with call as answer:
                lines = WholeLines(LINE_MOST, EtcdError("broken", f"etcd sent a message larger than {LINE_MOST} bytes"))
                while piece := await answer.piece():
                    for line in lines.feed(piece):
                        yield self._result(at, answer.status, line, token)
        except CallError as error:
            raise self._failed(at, error) from None
        raise EtcdError("broken", f"{caller.url} ended the stream")

    # -- one endpoint

    def _caller(self, at: int) -> Caller:
        found = self._callers[at]
        if found is None:
            url, tls = self._urls[at], self._settings.tls
            member = AsMember(_context(tls) if url.is_tls else None, tls.server_name or url.host)
            found = Caller(url, self._settings.timeout, ANSWER_MOST, CONNECTIONS, as_member=member)
            self._callers[at] = found
        return found

    def _forget(self, at: int) -> None:
        """Close what is kept to an endpoint; files of TLS are read again for the next connection."""
        caller, self._callers[at] = self._callers[at], None
        if caller is not None:
            caller.close()

    def _failed(self, at: int, error: CallError) -> EtcdError:
        if error.cause == "tls":
            self._forget(at)
        return EtcdError(error.cause, str(error))

    async def _ask(self, at: int, path: str, message: dict[str, Any], token: str) -> dict[str, Any]:
        caller = self._caller(at)
        async with self._room:
            try:
                answer = await caller.call(b"POST", _fields(token), json.dumps(message).encode(), path)
            except CallError as error:
                raise self._failed(at, error) from None
        return self._read(at, answer.status, answer.body)

    def _read(self, at: int, status: int, body: bytes) -> dict[str, Any]:
        """The object of an answer, or of one message of a stream.  Raises EtcdError."""
        url = self._urls[at]
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            detail = f"{url} answered {status}, and no JSON of etcd: is it 3.4 or later, and its gRPC gateway on?"
            raise EtcdError("broken", detail)
        error = found.get("error")
        if error is not None:
            raise _said(url, found if isinstance(error, str) else error)
        if status != 200:
            raise EtcdError("broken", f"{url} answered {status}")
        return found

    def _result(self, at: int, status: int, line: bytes, token: str) -> dict[str, Any]:
        try:
            result = self._read(at, status, line).get("result")
        except EtcdError as error:
            if _is_token(error):
                self._refused(token)
            raise
        if not isinstance(result, dict):
            raise EtcdError("broken", f"{self._urls[at]} sent a message without a result")
        reason = text(result.get("cancel_reason")) if result.get("canceled") is True else ""
        if reason and "compacted" not in reason:
            canceled = _canceled(self._urls[at], reason)
            if _is_token(canceled):
                self._refused(token)
            raise canceled
        return result

    # -- who asks

    async def _authorized(self, at: int, ask: Callable[[str], Awaitable[_T]]) -> _T:
        """What ``ask`` returns; if its token is refused, once more with a new one."""
        token = await self._credentials(at)
        try:
            return await ask(token)
        except EtcdError as error:
            if not self._settings.user or not _is_token(error):
                raise
        self._refused(token)
        return await ask(await self._credentials(at))

    def _refused(self, token: str) -> None:
        if self._token == token:
            self._token = None

    async def _credentials(self, at: int) -> str:
        """The token to be sent; empty: none."""
        if not self._settings.user:
            return ""
        async with self._authenticating:  # etcd hashes the password, which takes it long: one asks, everybody uses it
            if self._token is None:
                question = {"name": self._settings.user, "password": self._settings.password}
                try:
                    self._token = text((await self._ask(at, "/v3/auth/authenticate", question, "")).get("token"))
                except EtcdError as error:
                    if error.code != PRECONDITION:  # "authentication is not enabled": then everybody may ask
                        raise
                    self._token = ""  # nosec B105  # that there is none
            return self._token


def unanswered(errors: Sequence[EtcdError]) -> EtcdError:
    """Why none of the endpoints answers: the reasons of all, the cause of the last."""
    last = errors[-1]
    if len(errors) == 1:
        return last
    return EtcdError(last.cause, "; ".join(dict.fromkeys(error.detail for error in errors)), last.code)


def encoded(data: bytes) -> str:
    """``data`` as the gateway has it in JSON."""
    return base64.b64encode(data).decode()


def decoded(value: object) -> bytes:
    """What ``encoded`` makes of it; absent: nothing.  Raises EtcdError."""
    try:
        return base64.b64decode(text(value), validate=True)
    except binascii.Error:
        raise EtcdError("broken", "etcd sent something that is no base64") from None


def number(value: object) -> int:
    """An integer of 64 bits, which is a text in JSON; absent: 0.  Raises EtcdError."""
    try:
        return int(value) if isinstance(value, str | int) else int(text(value) or "0")
    except ValueError:
        raise EtcdError("broken", "etcd sent something that is no number") from None


def text(value: object) -> str:
    """A text; absent: an empty one.  Raises EtcdError."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise EtcdError("broken", "etcd sent something that is no text")
    return value


def _fields(token: str) -> list[tuple[bytes, bytes]]:
    fields = [(b"content-type", b"application/json")]
    return [*fields, (b"authorization", token.encode())] if token else fields


def _said(url: Url, error: object) -> EtcdError:
    """What etcd has said, told apart."""
    if not isinstance(error, dict):
        return EtcdError("broken", f"{url} answered an error that is none of etcd")
    code = error.get("code", error.get("grpc_code"))
    message = error.get("message")
    code = code if isinstance(code, int) else 2
    said = str(message if isinstance(message, str) else error.get("error"))[:200]
    detail = f"{url} says: {said if said.isprintable() else ascii(said)}"
    if code in (DENIED, UNAUTHENTICATED) or (code == INVALID and any(word in said for word in _CREDENTIALS)):
        return EtcdError("denied", detail, code)
    if code in _ELSEWHERE_CODES:
        return EtcdError("unavailable", detail, code)
    return EtcdError({OUT_OF_RANGE: "compacted", NOT_FOUND: "missing"}.get(code, "rejected"), detail, code)


def _canceled(url: Url, reason: str) -> EtcdError:
    """Why a stream was cancelled, which is told in words alone: ``rpc error: code = PermissionDenied desc = ...``."""
    if "invalid auth token" in reason or _OLD_STORE in reason:
        return EtcdError("unavailable", f"{url} does not know the token any more", UNAUTHENTICATED)
    is_denied = "PermissionDenied" in reason or any(word in reason for word in _CREDENTIALS)
    return _said(url, {"code": DENIED if is_denied else 2, "message": reason})


def _is_token(error: EtcdError) -> bool:
    """Is it the token that etcd does not know (any more)?"""
    return error.code == UNAUTHENTICATED or _OLD_STORE in error.detail


def _context(tls: ClientTls) -> ssl.SSLContext:
    try:
        return tls_context(tls)
    except SourceError as error:
        raise EtcdError(error.cause, error.detail) from None

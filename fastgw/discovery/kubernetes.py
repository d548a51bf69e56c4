"""The endpoints of a Service of Kubernetes: its EndpointSlices, by list and watch.

    list, page by page -> tell -> watch from its resourceVersion: tell with each change
                                  -> ended in time: watch again, from the version that the last message had, bookmarks too
                                  -> 410 Gone, as a status or as an event: list again
                                  -> ended at once without a word: a failure (kubernetes#104171), as everything else

Now and then all of it is listed anew, and at once when a version goes backwards: a restored cluster leaves a watch without a word.
The token is read for each question, for it is rotated; the files of TLS whenever the source begins.

It never ran against a real API server, but against a stand-in that keeps the documented rules
(kubernetes.io/docs/reference/using-api/api-concepts).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastgw.core.calls import Caller
from fastgw.core.sources import ClientTls, KubernetesSettings, RegistryUrl
from fastgw.core.streamed import Streamed, streamed
from fastgw.discovery.endpoint_slices import EndpointSlice, merge, read
from fastgw.discovery.lines import LINE_MOST, WholeLines
from fastgw.discovery.listing import SourceError, Tell
from fastgw.discovery.registries import Throttle, calling, mapping, read_json, said, text

ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  #: where a pod finds token, ca.crt and namespace
TOKEN_MOST: Final = 64 * 1024  #: bytes
PAGE: Final = 500  #: slices of one answer
SLICES_MOST: Final = 2_000  #: of one Service
WATCH: Final = 150.0  #: seconds of a watch, up to twice of it by chance
SHORTEST: Final = 1.0  #: seconds that a watch without a message must have lasted
RELIST: Final = 1800.0  #: seconds after which all is listed anew, when a watch ends
BURST: Final = 2  #: of what follows, without a pause
PACES: Final = {"list": 5.0, "watch": 1.0, "tell": 0.1}  #: seconds between two

GONE: Final = 410
SERVICE_LABEL: Final = "kubernetes.io/service-name"  #: of a slice: whose it is


class KubernetesSource:
    """The endpoints of one Service."""

    def __init__(
        self,
        settings: KubernetesSettings,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        environ: Mapping[str, str] = os.environ,
        account: str = ACCOUNT,
    ) -> None:
        """``clock``: monotonic seconds.  ``chance``: numbers of [0, 1).  ``account``: the folder of the service account."""
        self._settings = settings
        self._sleep = sleep
        self._clock = clock
        self._chance = chance
        self._environ = environ
        self._account = account
        self._throttles = {what: Throttle(BURST, seconds, clock) for what, seconds in PACES.items()}
        self._slices: dict[str, EndpointSlice] = {}
        self._namespace = settings.namespace

    def __str__(self) -> str:
        host = self._settings.endpoint.host
        at = f" at {host}:{self._settings.endpoint.port}" if host else ""
        return f"kubernetes{at} {self._namespace or '(own namespace)'}/{self._settings.service}"

    async def watch(self, tell: Tell) -> None:
        """See ``Source``; tells with each message."""
        with self._calling() as caller:
            while True:
                version = await self._list(caller)
                tell(merge(self._slices.values(), version))
                await self._follow(caller, version, tell)

    async def neighbours(self) -> tuple[str, list[Any]]:
        """The namespace, and the EndpointSlices of all Services there, the first page of them.

        Raises:
            SourceError: it cannot be asked.
        """
        with self._calling() as caller:
            target = self._path() + "?" + urlencode({"limit": str(PAGE)})
            answer = await caller.call(b"GET", self._fields(), target=target)
        if answer.status != 200:
            raise self._refusal(answer.status, answer.body)
        items = mapping(read_json(answer.body, str(self))).get("items")
        return self._namespace, items if isinstance(items, list) else []

    @contextmanager
    def _calling(self) -> Iterator[Caller]:
        """Who asks the API server, wherever it is."""
        settings = self._settings
        self._namespace = settings.namespace or self._read("namespace")
        endpoint, ca = settings.endpoint, settings.ca
        if not endpoint.host:
            endpoint = self._in_cluster()
            ca = ca or f"{self._account}/ca.crt"
        with calling(endpoint, ClientTls(ca=ca), settings.timeout) as caller:
            yield caller

    def _in_cluster(self) -> RegistryUrl:
        host, port = self._environ.get("KUBERNETES_SERVICE_HOST", ""), self._environ.get("KUBERNETES_SERVICE_PORT", "")
        if not host or not port.isdigit():
            raise SourceError("unresolved", f"{self}: no address of an API server is configured, and this is no pod")
        return RegistryUrl(True, host.strip("[]"), int(port))

    # -- list

    async def _list(self, caller: Caller) -> str:
        """Read all slices; return the version of the list."""
        slices: dict[str, EndpointSlice] = {}
        more = ""
        await self._in_turn("list")
        while True:
            query = {"limit": str(PAGE)} | ({"continue": more} if more else {})
            answer = await caller.call(b"GET", self._fields(), target=self._target(query))
            if answer.status == GONE:
                raise SourceError("unavailable", f"{self}: the list took so long that its rest is gone")
            if answer.status != 200:
                raise self._refusal(answer.status, answer.body)
            page = mapping(read_json(answer.body, str(self)))
            items, metadata = page.get("items"), mapping(page.get("metadata"))
            version = text(metadata.get("resourceVersion"))
            if not isinstance(items, list) or not version:
                raise SourceError("broken", f"{self} answered something that is no list of EndpointSlices")
            for item in items:
                self._take(slices, item)
            more = text(metadata.get("continue"))
            if not more:
                self._slices = slices
                return version

    def _take(self, slices: dict[str, EndpointSlice], item: object) -> None:
        slices[text(mapping(mapping(item).get("metadata")).get("name"))] = read(item, self._settings.port)
        if len(slices) > SLICES_MOST:
            raise SourceError("too_large", f"{self} has more than {SLICES_MOST} EndpointSlices")

    # -- watch

    async def _follow(self, caller: Caller, version: str, tell: Tell) -> None:
        """Watch from ``version`` on; return when all is to be listed anew."""
        until = self._clock() + RELIST
        while version and self._clock() < until:
            await self._in_turn("watch")
            version = await self._watch(caller, version, tell)

    async def _watch(self, caller: Caller, version: str, tell: Tell) -> str:
        """Watch once; return the version to go on from, empty: it is gone."""
        began = self._clock()
        seconds = round(WATCH * (1 + self._chance()))
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        limit = self._settings.timeout
        call = streamed(caller, b"GET", self._fields(), target=self._target(query), limit=limit, idle=seconds + limit)
        is_silent = True
        async with call as answer:
            if answer.status == GONE:
                return ""
            if answer.status != 200:
                raise self._refusal(answer.status, await _body(answer))
            too_long = SourceError("too_large", f"{self} sent a message larger than {LINE_MOST >> 20} MiB")
            lines = WholeLines(LINE_MOST, too_long)
            while piece := await answer.piece():
                messages = [read_json(line, str(self)) for line in lines.feed(piece)]
                for message in messages:
                    version = self._apply(mapping(message), version)
                    if not version:
                        return ""
                if messages:
                    is_silent = False
                    tell(merge(self._slices.values(), version))
                    await self._in_turn("tell")
            if lines.is_cut:
                raise SourceError("broken", f"{self} ended a watch in the middle of a message")
        if is_silent and self._clock() - began < SHORTEST:
            raise SourceError("broken", f"{self} ended a watch at once, without a word")
        return version

    def _apply(self, message: Mapping[str, Any], version: str) -> str:
        """Take what a message says; return its version, empty: what was watched for is gone."""
        kind, item = message.get("type"), mapping(message.get("object"))
        if kind == "ERROR":
            if item.get("code") == GONE:
                return ""
            raise SourceError("unavailable", f"{self} ended a watch: {said(text(item.get('message')).encode())}")
        metadata = mapping(item.get("metadata"))
        new = text(metadata.get("resourceVersion"))
        if not new:
            raise SourceError("broken", f"{self} sent a message without a resourceVersion")
        if new.isdigit() and version.isdigit() and int(new) < int(version):
            return ""
        if kind in ("ADDED", "MODIFIED"):
            self._take(self._slices, item)
        elif kind == "DELETED":
            self._slices.pop(text(metadata.get("name")), None)
        elif kind != "BOOKMARK":
            raise SourceError("broken", f"{self} sent a message of the type {str(kind)[:60]!r}")
        return new

    # -- both

    async def _in_turn(self, what: str) -> None:
        if wait := self._throttles[what].take():
            await self._sleep(wait)

    def _target(self, query: Mapping[str, str]) -> str:
        selector = {"labelSelector": f"{SERVICE_LABEL}={self._settings.service}"}
        return f"{self._path()}?{urlencode(selector | dict(query))}"

    def _path(self) -> str:
        return f"/apis/discovery.k8s.io/v1/namespaces/{quote(self._namespace, safe='')}/endpointslices"

    def _fields(self) -> list[tuple[bytes, bytes]]:
        """With the token as it is now; that of the service account goes to the API server that a pod finds, and nowhere else."""
        path = self._settings.token_file
        fields = [(b"accept", b"application/json")]
        if path or not self._settings.endpoint.host:
            token = self._read("token", path).encode()
            if not token or not token.isascii() or any(byte <= 32 for byte in token):
                raise SourceError("denied", f"{self}: {path or self._account + '/token'} has no token in it")
            fields.append((b"authorization", b"Bearer " + token))
        return fields

    def _read(self, name: str, path: str = "") -> str:
        path = path or f"{self._account}/{name}"
        try:
            with open(path, encoding="ascii", errors="replace") as stream:
                return stream.read(TOKEN_MOST).strip()
        except OSError as error:
            hint = "; is automountServiceAccountToken on?" if path.startswith(self._account) else ""
            raise SourceError("denied", f"{self}: {path} cannot be read: {error.strerror}{hint}") from None

    def _refusal(self, status: int, body: bytes) -> SourceError:
        try:
            reason = said(text(mapping(read_json(body, "")).get("message")).encode())
        except SourceError:
            reason = said(body)
        detail = f"{self} answered {status}: {reason}"
        if status in (401, 403):
            needed = f"list and watch endpointslices (discovery.k8s.io) in the namespace {self._namespace}"
            return SourceError("denied", f"{detail}; its account needs a Role that may {needed}")
        return SourceError("unavailable" if status == 429 or status >= 500 else "rejected", detail)


async def _body(answer: Streamed) -> bytes:
    """The beginning of an error."""
    found = b""
    while len(found) < TOKEN_MOST and (piece := await answer.piece()):
        found += piece
    return found

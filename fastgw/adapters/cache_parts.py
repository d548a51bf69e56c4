"""What the parts of a cache know of each other: what keeps, what fetches, who follows; and what they hand to and fro."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from fastgw.core.labels import CACHE_OUTCOMES

if TYPE_CHECKING:
    from fastgw.adapters.pieces import Held
    from fastgw.adapters.stored import StoredAnswer
    from fastgw.core.cache_settings import CacheSettings
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.policy.freshness import Life, Wish
    from fastgw.policy.shelf import Selected
    from fastgw.wire.preconditions import ReadField

NOTE: Final = "cache"  #: of an exchange: its ``Lookup``
HIT, STALE, REVALIDATED, MISS, WAITED, BYPASS = range(len(CACHE_OUTCOMES))


class Head(NamedTuple):
    """That of an answer which is fetched, as those who follow get it."""

    status: int
    fields: bytes  #: lines, each with its CRLF
    size: int  #: of the body; UNKNOWN
    is_known_to: Callable[[ReadField], bool] | None  #: of one that is kept, whether who asks has it already


class Lookup:
    """What a request asks a cache for; as text, what came of it."""

    __slots__ = ("_find", "is_authorized", "key", "outcome", "place", "wish")

    def __init__(
        self,
        find: Callable[[bytes, Hashable, ReadField], StoredAnswer | None],
        place: bytes,
        key: Hashable,
        wish: Wish,
        *,
        is_authorized: bool,
    ) -> None:
        """``find``: finds what is kept; ``is_authorized``: the request has ``Authorization``."""
        self._find = find
        self.place = place
        self.key = key
        self.wish = wish
        self.is_authorized = is_authorized
        self.outcome = BYPASS

    def find(self, exchange: Exchange) -> StoredAnswer | None:
        """What is kept for ``exchange``, fresh or not."""
        return self._find(self.place, self.key, exchange.request.forwarded)

    def __str__(self) -> str:
        return CACHE_OUTCOMES[self.outcome]


class Keeper(Protocol):
    """What keeps (``adapters.cache``)."""

    settings: CacheSettings

    @property
    def held(self) -> Held:
        """What the answers hold that are fetched for it."""

    def serve(self, carrier: Follower, exchange: Exchange) -> None:
        """Answer the complete request of ``exchange``, now or by what is fetched for it."""

    def serve_alone(self, carrier: Follower, exchange: Exchange) -> None:
        """Fetch for ``exchange`` what it has waited for in vain."""

    def prepare(self, copy: Exchange, original: Exchange) -> None:
        """``copy`` is to fetch what ``original`` asks for."""

    def told(self, fields: bytes) -> bytes:
        """Of the ``fields`` of an answer those that whoever waits for it is told."""

    def kept(self, fields: bytes) -> bytes:
        """And those that are kept."""

    def selected(self, exchange: Exchange, fields: bytes) -> Selected:
        """What an answer with these fields depends on, and what the request of ``exchange`` has there."""

    def judge(
        self, asked: Exchange, lookup: Lookup, status: int, fields: bytes, delay: float
    ) -> tuple[str, Life | None]:
        """Why an answer to ``asked`` may not be given to others, or is empty; and how long it lives, None: it is not kept."""

    def is_whole(self, item: StoredAnswer, body: bytes) -> bool:
        """Whether ``item`` with ``body``, all that came, is what should be kept."""

    def keep(self, item: StoredAnswer, exchange: Exchange) -> None:
        """Keep what ``exchange`` has fetched."""

    def drop(self, item: StoredAnswer, exchange: Exchange) -> None:
        """Keep it no longer."""

    def count(self, exchange: Exchange, outcome: int) -> None:
        """``outcome`` is what came of ``exchange``."""

    def forget(self, fill: Followed) -> None:
        """Nobody may join ``fill`` any more."""

    def pass_by(self, lookup: Lookup, now: float) -> None:
        """Nobody waits for what ``lookup`` asks for, for a while."""


class Followed(Protocol):
    """What fetches (``adapters.cache_fill``)."""

    is_complete: bool
    trailers: bytes
    lookup: Lookup

    def piece(self, number: int) -> bytes | None:
        """One of the body; None: it has not come yet."""

    def on_held(self) -> None:
        """A client takes no more now."""

    def on_released(self) -> None:
        """A client takes more again."""

    def finish(self, carrier: Follower) -> None:
        """``carrier`` has all of it."""

    def leave(self, carrier: Follower) -> None:
        """``carrier`` follows no longer."""

    def go_on_alone(self) -> None:
        """Nobody need follow any more."""


class Follower(Protocol):
    """Who follows (``adapters.cache_carrier``)."""

    exchange: Exchange | None
    service: Service
    fill: Followed | None  #: what it follows
    has_begun: bool  #: its answer has
    is_finished: bool  #: it needs no more of that

    @property
    def body(self) -> bytes:
        """That of the request."""

    @property
    def sent(self) -> int:
        """Pieces that it needs no more."""

    @property
    def is_held(self) -> bool:
        """Its client takes no more now."""

    def begin(self, head: Head, asked: Exchange) -> None:
        """The fill has the head of an answer, of ``asked``."""

    def advance(self) -> None:
        """Send what there is, unless the client takes no more now."""

    def fail(self, asked: Exchange | None) -> None:
        """The fill has failed, with the error of ``asked``."""

    def send_stored(self, item: StoredAnswer, now: float, how: bytes = b"hit") -> None:
        """Answer with ``item``; ``how``: as ``Cache-Status`` has it."""

"""What supervisor and workers tell each other: of endpoints, where they are, how connecting to them goes, who is ejected; keys of
tokens; what limits are shared by.

Apart from what makes and reads it, because the supervisor starts with its messages, and with as little else as possible.
"""

from __future__ import annotations

from typing import NamedTuple

from fastgw.core.settings import Address, RedisSettings

MOST = 256  #: addresses of one name that are used; what a name server says beyond them is left out

USED, FAILING = "used", "failing"

EJECTION, BREAKER, HEALTH, OUTLIER = "ejection", "breaker", "health", "outlier"  #: what leaves a member out
UNPROBED = "unknown"  #: the cause of ``HEALTH`` where no probe is over
PANIC = "panic"  #: of a service: so much is left out that nothing is

NOT_FOUND, SILENT = (
    "not_found",
    "silent",
)  #: causes of a failed look-up that clients are told apart; others are ``failed``


class Answer(NamedTuple):
    """What is known of a host name.  The last good addresses stay when a later look-up fails."""

    addresses: tuple[str, ...]  #: IP addresses, ``MOST`` at most; empty: none was found yet
    cause: str = ""  #: why the last look-up failed, in a word; empty: it did not
    detail: str = ""  #: the same in a sentence


class MemberNews(NamedTuple):
    """A member of a service whose members are listed somewhere (``fastgw.discovery``), as that says."""

    address: Address
    weight: int
    zone: str
    metadata: tuple[tuple[str, str], ...]
    slot: int  #: its block of counters


class Standing(NamedTuple):
    """How connecting to one address of an endpoint went the last time, for the supervisor."""

    service: str
    endpoint: str
    address: str
    state: str  #: ``USED`` or ``FAILING``
    cause: str = ""  #: why it fails, as the code of an error
    reason: str = ""  #: the same in words


class Recorded(NamedTuple):
    """What was recorded of exchanges."""

    records: tuple[bytes, ...]  #: what ``filters.trace`` makes, by ``marshal``


class Logged(NamedTuple):
    """Lines of a process's log that a collector gets too."""

    lines: tuple[bytes, ...]  #: what ``server.log_news`` makes, by ``marshal``
    lost: int  #: lines before these that nobody took


class KeySet(NamedTuple):
    """What is known of keys that are fetched.  The last good ones stay when fetching them fails later."""

    keys: tuple[
        tuple[str, str, tuple[str, ...]], ...
    ]  #: as ``filters.tokens.Verifier`` takes them; empty: none came yet
    until: float  #: monotonic seconds, which all processes of a host share: they are not used any more then
    cause: str = ""  #: why they were not fetched the last time, in a word; empty: they were
    detail: str = ""  #: the same in a sentence


class LinkState(NamedTuple):
    """Whether a Redis can be asked."""

    is_up: bool
    cause: str = ""  #: why it cannot, in a word; empty: it can
    detail: str = ""  #: the same in a sentence


class LeasePlaces(NamedTuple):
    """Where a key is counted: on the board of this node, and by which name elsewhere."""

    lease: int
    bucket: int
    asked: int
    name: bytes


class Ask(NamedTuple):
    """Somebody should ask for more of a key."""

    redis: RedisSettings
    places: LeasePlaces
    is_of_clients: bool  #: which tables of the board they are in
    amount: int  #: the limit: so much
    period: int  #: in so many nanoseconds
    burst: int
    block: int
    age: int  #: nanoseconds until a lease ends
    until: int  #: the time up to which we may ask, by the clock of the board
    end: int = (
        0  #: of a window of the calendar, by the same clock: when that is over; 0: what is taken comes back bit by bit
    )


class Finding(NamedTuple):
    """That a member was left out, again perhaps, or is back: for the supervisor, and from it for the other workers."""

    service: str
    endpoint: str  #: empty, as ``address``, where the whole service is meant
    address: str  #: of the endpoint's name; the same as ``endpoint`` if that is no name
    is_up: bool
    until: float = 0.0  #: monotonic seconds, which all processes of a host share
    cause: str = ""  #: why it was ejected, as the code of an error
    reason: str = ""  #: the same in words
    kind: str = EJECTION  #: by what it was left out

    @property
    def member(self) -> tuple[str, str, str]:
        """Of which member that is said: service, endpoint, address."""
        return self[:3]

    @property
    def about(self) -> tuple[str, str, str, str]:
        """The same, and by what it was left out: of this there is one state in each worker."""
        return self.kind, *self[:3]

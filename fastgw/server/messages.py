"""What supervisor and worker say to each other: pickled, over a socket pair that nobody else holds.

supervisor -> worker        worker -> supervisor
Endpoints
Prepare (with sockets)      Prepared (with the problems found, if any)
Commit                      Committed
Abort                       Report
Fetched, Linked, Busy          Wanted, Asked
Reopen
Tail                        Tailed
Weigh                       Weighed
Drain                       the end of the process

Tuples with names for the reason that ``config.spec`` gives; what a message is, its class says.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastgw.config.spec import GatewaySpec
from fastgw.core.live.news import Answer, Ask, Finding, KeySet, LinkState, MemberNews, Standing
from fastgw.core.settings import KeySetSettings, RedisSettings


class Slots(NamedTuple):
    """Which counter block belongs to which name (``server.slots``)."""

    routes: dict[str, int]
    services: dict[str, int]
    endpoints: dict[tuple[str, str], int]  #: (service, address) -> slot
    filters: dict[str, int]
    models: dict[tuple[str, str], int] = {}  #: (service, model) -> slot
    limits: dict[tuple[str, str], int] = {}  #: (filter, limit) -> slot
    keys: dict[str, int] = {}  #: of the names of keys


class Endpoints(NamedTuple):
    """Where the endpoints are that have a name: what was found for it, or why nothing was; which can be reached; who is listed."""

    answers: dict[str, Answer]
    findings: tuple[Finding, ...] = ()  #: of other workers
    lists: dict[str, tuple[MemberNews, ...]] = {}  #: members that are listed, by service


class Fetched(NamedTuple):
    """What is known of keys that are fetched."""

    news: dict[KeySetSettings, KeySet]


class Wanted(NamedTuple):
    """A token names a key that is not in this set."""

    key_set: KeySetSettings


class Linked(NamedTuple):
    """Which Redis can be asked."""

    news: dict[RedisSettings, LinkState]


class Busy(NamedTuple):
    """What the engines of a service say of themselves, by address: all that is good, and until when (monotonic seconds)."""

    service: str
    loads: dict[str, tuple[tuple[Any, ...], float]]  #: a load is the fields of ``policy.engines.Load``


class ModelsListed(NamedTuple):
    """Which models the members of a service have, by address, as they say themselves."""

    service: str
    lists: dict[str, tuple[str, ...]]


class Expecting(NamedTuple):
    """What services are expected to have under way (``core.live.expected``)."""

    exchanges: dict[str, float]  #: by service, in all workers
    workers: int
    new: frozenset[str] = frozenset()  #: of which nothing was said since the gateway has started


class Asked(NamedTuple):
    """More of these should be leased."""

    asks: tuple[Ask, ...]


class LostLines(NamedTuple):
    """Lines of an access log that could not be written."""

    path: str
    lines: int  #: since it was told last
    cause: str
    is_over: bool  #: a later line has been written


class Report(NamedTuple):
    """How addresses of endpoints do, which members are ejected or back, what logs lose: what has changed since the last report."""

    standings: tuple[Standing, ...]
    findings: tuple[Finding, ...] = ()
    losses: tuple[LostLines, ...] = ()


class Prepare(NamedTuple):
    """Compile this configuration, but go on with the old one.

    The message carries file descriptors: the counter slab and the board first if ``has_memory``, then one listening socket
    for each of ``sockets``.
    """

    generation: int
    spec: GatewaySpec  #: without its routes and services
    pieces: tuple[bytes, ...]  #: these, and the slots (``server.pieces``)
    sockets: tuple[str, ...]  #: listener addresses, as text, whose sockets the worker does not have yet
    has_memory: bool = False


class Prepared(NamedTuple):
    """The answer to Prepare; with ``problems`` or ``changed`` the worker has forgotten the new configuration again."""

    generation: int
    problems: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()  #: modules of others that it has imported, of which the disk has another form now


class Commit(NamedTuple):
    """Serve the prepared configuration from now on.  Ignored when preparing it failed."""

    generation: int


class Committed(NamedTuple):
    """The answer to Commit: the worker accepts on all listeners of this generation."""

    generation: int


class Abort(NamedTuple):
    """Forget the prepared configuration."""

    generation: int


class Reopen(NamedTuple):
    """Open the log files again, whatever became of the configuration."""


class Tail(NamedTuple):
    """Somebody watches which exchanges fail or are slow: tell of them; or nobody does any more."""

    is_watched: bool
    slow: float = 0.0  #: seconds that one takes which is told for that; 0: none is


class Ended(NamedTuple):
    """One exchange that failed or was slow."""

    when: float  #: it ended, seconds since 1970
    kind: str  #: failed or slow
    method: str
    path: str  #: without its query, as the client asked for it; other bytes than printable ASCII are escaped
    route: str
    service: str  #: empty: it came to none
    endpoint: str  #: asked last; empty: none was
    status: int  #: what the client got; 499: it had left; 0: it got none
    ms: float  #: the whole exchange, in milliseconds
    first_ms: float | None  #: until the answer of the service began; None: it did not
    cause: str  #: the code of an error, or who gave the status (``server.tailing``); empty: it was only slow
    trace: str  #: the id of its trace, in hexadecimal digits; empty: it has none


class Tailed(NamedTuple):
    """What a worker tells of them."""

    ends: tuple[Ended, ...]
    left_out: int = 0  #: more there were since the message before


class Weigh(NamedTuple):
    """Divide requests among versions so from now on, in the configuration in use and in one that is prepared."""

    serial: int
    shares: Mapping[str, Mapping[str, int]]  #: by service and version


class Weighed(NamedTuple):
    """The answer to Weigh: it is done."""

    serial: int


class Drain(NamedTuple):
    """Accept what waits, then no more; finish what is under way within ``grace`` seconds, streams within ``stream_grace``; exit."""

    grace: float
    stream_grace: float = 0.0  #: not shorter than ``grace``, whatever it is

"""One limit of a filter ``token_limit``: what it counts, of whom, and how much in what time.

Each is a bucket of amounts for each of its keys (``policy.amounts``), of which a request takes what it reserves when it is admitted, and
settles the rest when it is over (``core.live.tabs``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.live.board import KEYED, KEYED_TIMES, NAMED, NAMED_TIMES
from fastgw.core.live.meters import NoRoomError
from fastgw.core.live.tabs import Tab
from fastgw.core.live.words import REFUSED
from fastgw.filters.keys import Keys
from fastgw.filters.limits import Requests
from fastgw.filters.rate_fields import SECOND
from fastgw.filters.reservation import millionths
from fastgw.filters.shared_limits import AnyLimit, SharedLimit
from fastgw.filters.token_rates import (
    AT_ONE_TIME,
    BOTH,
    COMPLETION,
    COMPLETION_PART,
    COST,
    COST_PART,
    ONE,
    PROMPT,
    PROMPT_PART,
    REQUESTS,
    TOKENS,
    block_of,
    counted,
    limit_text,
    read_amount,
    read_rate,
)
from fastgw.policy.amounts import Amounts
from fastgw.policy.gcra import Rate

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.live.board import Table
    from fastgw.core.live.holds import Seat
    from fastgw.core.live.meters import Clock

NOTE: Final = "limits"  #: see ``Noted``
Windowed = Callable[
    [str, int, Mapping[str, Any], Mapping[str, Any] | None], "Counted"
]  #: arguments as those of ``Counted``
_PARTS: Final = {TOKENS: BOTH, PROMPT: PROMPT_PART, COMPLETION: COMPLETION_PART, COST: COST_PART, REQUESTS: ONE}
_SETTLED: Final = {TOKENS: "total_tokens", PROMPT: "prompt_tokens", COMPLETION: "completion_tokens"}


class TokenBucket(Requests):
    """What it is on one gateway."""

    word = ""  #: the window of the calendar that it is about; empty: none

    def __init__(self, name: str, place: int, options: Mapping[str, Any]) -> None:
        """``name``: of the filter; ``place``: in its list, from 1; ``options``: ``rate`` (count and seconds; of cost in millionths),
        ``burst`` (or None), ``per`` and ``unit``."""
        count, period = options["rate"]
        self.unit = options["unit"]
        self.settles = self.unit != REQUESTS
        self._place = place
        burst = options["burst"] or count
        self.rate = self._made(count, period * SECOND, burst)
        parts = (b"%d/%d/%d" % (count, period, self.rate.burst), self.unit.encode())
        self.keys = Keys(options["per"], b"token_limit", name.encode(), *parts)
        self.text = limit_text(options)
        self.table = KEYED_TIMES if self.keys.are_of_clients else NAMED_TIMES

    def _made(self, count: int, period: int, burst: int) -> Any:
        return Amounts(count, period, burst) if self.settles else Rate(count, period, burst)

    def seen(self, exchange: Any, clock: Clock) -> tuple[int, Any]:
        """The key that counts ``exchange`` now, and the rate by which its cell is read."""
        return self.keys.of(exchange), self.rate

    def wait(self, bucket: Any) -> int:
        """See ``Requests``."""
        return bucket.wait if self.settles else Requests.wait(self, bucket)


class Counted:
    """A limit of the filter, alone or shared with other gateways, and where it is counted."""

    __slots__ = (
        "_keys",
        "_rate",
        "_settled",
        "_table",
        "base",
        "burst",
        "kind",
        "level",
        "limit",
        "only",
        "part",
        "settles",
        "shared",
        "unit",
    )

    def __init__(
        self,
        name: str,
        place: int,
        options: Mapping[str, Any],
        cluster: Mapping[str, Any] | None,
        kind: TokenBucket | None = None,
    ) -> None:
        """``place``: from 1; ``cluster``: as of ``SharedLimit``, or None; ``kind``: what it is here, None: as ``options`` say."""
        self.base = 0  #: where it is counted in the slab; 0: nowhere
        self.only: str = options.get("only", "")  #: the entry of ``models`` whose requests it counts; empty: of all
        self.kind: Any = kind or TokenBucket(name, place, options)
        self.unit = self.kind.unit
        self._keys = self.kind.keys
        self.level = self._keys.text  #: whom it counts, in words
        self._table, self._rate = self.kind.table, self.kind.rate
        self._settled = _SETTLED.get(self.unit, "")  #: what it is in the note; empty: it is cost
        self.burst = self.kind.rate.burst
        self.part = _PARTS[self.unit]
        self.settles = self.kind.settles
        self.shared = SharedLimit(name, self.kind, options, cluster) if cluster is not None else None
        self.limit: AnyLimit = self.shared or self.kind

    def tab(self, exchange: Exchange, clock: Clock, amount: int) -> Any:
        """What it has for a request that takes so much: a ``Tab``, a ``Meter``, or a ``Lease``."""
        if self.shared is not None:
            return self.shared.tab(exchange, clock, amount, amount)
        if not self.settles:
            return self.kind.bucket(exchange, clock)
        key = self._keys.of(exchange)
        seat: Seat = exchange.plane.seat
        return Tab(seat.board, self._table, key, self._rate, clock, min(amount, self.burst), amount)

    def settle(self, tab: Any, settled: Mapping[str, Any] | None) -> None:
        """The request is over; ``settled``: the note ``usage``, None: nobody has metered it, and what was reserved stays taken.

        Raises:
            NoRoomError: it cannot be written down.
        """
        if not self.settles or settled is None:
            return
        used = self.used(settled)
        if isinstance(tab, Tab):  # which is asked without a detour
            own: Tab = tab
            own.settle(used)
        else:
            tab.settle(used)

    def used(self, settled: Mapping[str, Any]) -> int:
        """How much it was, of what the note ``usage`` says."""
        if not self._settled:
            return millionths(settled["cost"])
        return settled[self._settled]  # type: ignore[no-any-return]


class ModelPlace:
    """What a request holds of those that may be under way at one time: a ``tabs.Bucket``."""

    __slots__ = ("_cell", "_key", "_seat", "_table", "most", "taken")

    def __init__(self, seat: Seat, table: Table, key: int, most: int) -> None:
        self._seat = seat
        self._table = table
        self._key = key
        self._cell = -1
        self.most = most
        self.taken = 1

    def look(self) -> bool:
        """Nobody knows before it is taken."""
        return True

    def charge(self) -> bool:
        """See ``tabs.Bucket``."""
        self._cell = self._seat.take(self._table, self._key, self.most)
        if self._cell < 0 and self._cell != REFUSED:
            raise NoRoomError
        return self._cell >= 0

    def undo(self) -> None:
        """See ``tabs.Bucket``."""
        if self._cell >= 0:
            self._seat.give(self._cell)
            self._cell = -1


class ModelPlaces(Requests):
    """So many at one time, on one gateway."""

    settles = True

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """As ``TokenBucket``; ``rate``: how many, and 0."""
        self.unit = AT_ONE_TIME
        self.most, _ = options["rate"]
        self.keys = Keys(options["per"], b"token_limit", name.encode(), AT_ONE_TIME.encode())
        self.text = limit_text(options)
        self.table = KEYED if self.keys.are_of_clients else NAMED

    def wait(self, bucket: Any) -> int:
        """When one of them is over, nobody knows."""
        return SECOND


class CountedPlaces(Counted):
    """See ``Counted``; a place is held by each gateway for itself, and given back whatever became of the request."""

    __slots__ = ()

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.base = 0
        self.only = options.get("only", "")
        self.limit = self.kind = places = ModelPlaces(name, options)
        self.unit = AT_ONE_TIME
        self.part = ONE
        self.settles = True
        self._keys = places.keys
        self.level = self._keys.text
        self.burst = places.most
        self.shared = None

    def tab(self, exchange: Exchange, clock: Clock, amount: int) -> Any:
        """What it has for a request: a ``ModelPlace``."""
        return ModelPlace(exchange.plane.seat, self.kind.table, self._keys.of(exchange), self.burst)

    def settle(self, tab: Any, settled: Mapping[str, Any] | None) -> None:
        """See ``Counted``."""
        tab.undo()


def counted_limit(
    name: str, place: int, options: Mapping[str, Any], cluster: Mapping[str, Any] | None, windowed: Windowed
) -> Counted:
    """The limit that ``options`` say; see ``Counted``.  ``windowed``: makes those that count in windows of the calendar."""
    if options["unit"] == AT_ONE_TIME:
        return CountedPlaces(name, options)
    if options["rate"][1] < 0:
        return windowed(name, place, options, cluster)
    return Counted(name, place, options, cluster)


def by_model(limits: Sequence[Counted]) -> dict[str, list[Counted]] | None:
    """The limits of a request to each model that has some of its own, by the name of its entry; None: none has.

    Those that nobody knows of before they are taken come first: who is refused by them has been charged by no other.
    """
    names = dict.fromkeys(one.only for one in limits if one.only)
    return {name: in_order(one for one in limits if one.only in ("", name)) for name in names} or None


def in_order(limits: Iterable[Counted]) -> list[Counted]:
    """As requests meet them; see ``by_model``."""
    return sorted(limits, key=lambda one: one.unit != AT_ONE_TIME)


class Noted:
    """Limits of one exchange in the place of those of the configuration.

    exchange.notes["limits"]   by whom they count, as ``per`` has it, pairs of a unit and a rate, or of max:
                               {"key": (("tokens", "100000/m"), ("max", "20"))}

    Whoever knows the client may say so in its ``request`` hook, such as the filter that has checked a key.  All limits of that ``per`` are
    those then.  The pairs are a tuple that is made once, as limits are made of it once.
    """

    __slots__ = ("_cluster", "_known", "_name", "_windowed", "base")

    KNOWN_MAX = 4096  #: tuples that are remembered

    def __init__(self, name: str, cluster: Mapping[str, Any] | None, windowed: Windowed) -> None:
        self._name = name
        self._windowed = windowed
        self._cluster = cluster
        self.base = 0  #: where those are counted that the configuration has none of
        self._known: dict[tuple[str, int], tuple[object, list[Counted]]] = {}

    def over(self, own: list[Counted], said: Mapping[str, tuple[tuple[str, str], ...]]) -> list[Counted]:
        """``own``, with what is ``said`` in the place of those that count the same.

        Raises:
            ValueError: it is no rate.
        """
        found = [one for one in own if one.level not in said]
        for level, pairs in said.items():
            known = self._known.get((level, id(pairs)))
            if known is None or known[0] is not pairs:
                if len(self._known) >= self.KNOWN_MAX:
                    self._known.clear()
                bases = {one.unit: one.base for one in own if one.level == level}
                known = self._known[level, id(pairs)] = (pairs, self._made(level, bases, pairs))
            found += known[1]
        return found

    def _made(self, level: str, bases: Mapping[str, int], pairs: Iterable[tuple[str, str]]) -> list[Counted]:
        made: list[Counted] = []
        for unit, text in pairs:
            if unit == "max":
                unit, count, seconds = AT_ONE_TIME, counted(read_amount(text), REQUESTS), 0
            else:
                micro, seconds = read_rate(text)
                count = counted(micro, unit)
            options = {
                "rate": (count, seconds),
                "burst": None,
                "per": level.split(" and "),
                "unit": unit,
                "block": block_of(count, seconds),
            }
            one = counted_limit(self._name, len(made) + 1, options, self._cluster, self._windowed)
            one.base = bases.get(unit, self.base)
            made.append(one)
        return made

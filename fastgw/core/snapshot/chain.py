"""The filters of a route, unrolled.

A filter is an object with any of some hooks (``core.exchange.filter``).  Filters form an onion: requests pass from the first to the
last, answers and the end of the exchange from the last to the first, and only through the filters the request had *entered*.  A filter
is entered when the request reaches it; one that answers by itself is entered, those behind it are not.

All of this is decided when the configuration is compiled.  What is left for a request is a walk over a tuple of bound methods:

    request   (h1, h2, ..., hn)               the request hooks that exist, in order
    begin     number                          of those that a listener runs before it looks for a route
    response  n + 2 tuples                    [k]: response hooks to run, already reversed, when hook k (1-based) ended the walk
    request_body   (o1, o2, ...)              those that may want to see the body of a request, in order
    response_body  n + 2 tuples               as ``response``, of those for the body of an answer; () where there is none in the chain
    is_of_streams  whether                    all of those are for answers that have no length
    done      n + 2 tuples                    [0]: nothing entered;  [n + 1]: the request passed every filter
    refused   (h1, h2, ..., hn)               those of a listener, for what never became an exchange
    logged    names of notes                  that some filter of the chain wants in the access log
    is_traced whether                         its exchanges are part of traces (``filters.tracing``)
    modes     failure modes                   by the name of the filter; looked for when one fails or waits
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from fastgw.core.counters import FILTER
from fastgw.core.settings import FilterSettings

RequestHook = Callable[[Any], Any]  #: what it may return stands in ``core.exchange.filter``
ResponseHook = Callable[[Any], "Awaitable[None] | None"]
DoneHook = Callable[[Any], None]
RefusedHook = Callable[[Any, Any], None]

_OF_REQUEST = ("read_request", "transform_request")
_OF_RESPONSE = ("transform_response", "read_response")
HOOKS = ("request", "response", *_OF_REQUEST, *_OF_RESPONSE, "done", "refused")


class BodyOpening:
    """A hook that may want to see a body."""

    __slots__ = ("changes", "hook", "is_of_request", "is_of_streams", "kind", "sees_empty")

    def __init__(
        self, hook: Callable[[Any], Any], kind: str, sees_empty: bool = False, is_of_streams: bool = False
    ) -> None:
        self.hook = hook  #: called with the exchange; returns a ``core.exchange.filter.BodyHook``, or None
        self.kind = kind  #: its name
        self.sees_empty = sees_empty  #: it is asked of answers that have no body, too
        self.is_of_streams = is_of_streams  #: it is not asked of those that have a length
        self.changes = kind.startswith("transform")  #: what it returns may change the body
        self.is_of_request = kind in _OF_REQUEST  #: that is the body of a request


class FreeOpening(BodyOpening):
    """One that is asked of all bodies, also of those that say that they may not be changed: it is a rule of whoever runs the gateway, from
    which no field of a message exempts, or looks for that itself, where it would change one."""

    __slots__ = ()


class FailureMode(NamedTuple):
    """What happens when a filter fails."""

    settings: FilterSettings
    slot: int  #: of its block of counters

    @property
    def base(self) -> int:
        """Where that block begins."""
        return FILTER.base(self.slot)

    @property
    def is_open(self) -> bool:
        """Whether its exchange goes on without it."""
        return self.settings.on_failure == "open"


CLOSED: Final = FailureMode(
    FilterSettings("closed", 10.0), FILTER.count - 1
)  #: that of a filter of which nothing is said


class Named(Protocol):
    """What every filter has; its hooks are looked up by name."""

    @property
    def name(self) -> str:
        """The name the configuration gives it."""


class Chain:
    """The hooks of one route, ready to be walked; immutable once built."""

    __slots__ = (
        "begin",
        "done",
        "filters",
        "is_of_streams",
        "is_traced",
        "logged",
        "modes",
        "refused",
        "request",
        "request_body",
        "response",
        "response_body",
    )

    def __init__(
        self, filters: Sequence[Named] = (), modes: Mapping[str, FailureMode] | None = None, before: int = 0
    ) -> None:
        """``filters``: in the order requests meet them; ``modes``: by their names, ``CLOSED`` if it has none; ``before``: so many of the
        filters stand before routing."""
        self.filters = tuple(filters)
        self.modes = dict(modes or ())
        self.is_traced = any(getattr(one, "traces", False) for one in filters)
        entry = [place for place, one in enumerate(filters) if getattr(one, "request", None) is not None]
        self.begin = sum(place < before for place in entry)
        self.request: tuple[RequestHook, ...] = tuple(getattr(filters[place], "request") for place in entry)  # noqa: B009
        entered = [0, *(place + 1 for place in entry), len(filters)]
        self.response: tuple[tuple[ResponseHook, ...], ...] = tuple(_reversed(filters, n, "response") for n in entered)
        self.request_body = _openings(filters, _OF_REQUEST)
        leaving = [_openings(list(reversed(filters[:n])), _OF_RESPONSE) for n in entered]
        self.response_body: tuple[tuple[BodyOpening, ...], ...] = tuple(leaving) if leaving[-1] else ()
        self.is_of_streams = bool(leaving[-1]) and all(one.is_of_streams for one in leaving[-1])
        self.refused: tuple[RefusedHook, ...] = _reversed(filters, len(filters), "refused")
        self.logged: tuple[str, ...] = tuple(
            dict.fromkeys(name for one in filters for name in getattr(one, "logged", ()))
        )
        self.done: tuple[tuple[DoneHook, ...], ...] = tuple(_reversed(filters, n, "done") for n in entered)

    def mode_of(self, hook: Callable[..., Any]) -> FailureMode:
        """That of the filter whose ``hook`` this is."""
        return self.modes.get(self.name_of(hook), CLOSED)

    def name_of(self, hook: Callable[..., Any]) -> str:
        """The name of the filter whose ``hook`` this is, for the logs."""
        found = (one.name for one in self.filters for kind in HOOKS if getattr(one, kind, None) == hook)
        return next(found, "")


def _openings(filters: Sequence[Named], kinds: Sequence[str]) -> tuple[BodyOpening, ...]:
    found = ((one, getattr(one, kind, None), kind) for one in filters for kind in kinds)
    return tuple(
        _kind_of(one)(hook, kind, getattr(one, "sees_empty", False), getattr(one, "is_of_streams", False))
        for one, hook, kind in found
        if hook is not None
    )


def _kind_of(one: Named) -> type[BodyOpening]:
    is_free = getattr(one, "is_binding", False) is True or getattr(one, "is_careful", False) is True
    return FreeOpening if is_free else BodyOpening


def _reversed(filters: Sequence[Named], count: int, hook: str) -> tuple[Any, ...]:
    found = (getattr(one, hook, None) for one in reversed(filters[:count]))
    return tuple(method for method in found if method is not None)

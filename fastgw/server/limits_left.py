"""How much is left of limits of models for one key, user or model, as the board of all workers has it now: for the admin
address and ``fastgw limits``.

Nothing is taken and no cell is made.  The limits are those of the filters ``token_limit`` of the configuration in use, and of the key that
is asked about those that its file says.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from fastgw.config.limited import LIMITER
from fastgw.core.live.holds import key_in
from fastgw.core.live.readings import peek

if TYPE_CHECKING:
    from fastgw.config.spec import FilterSpec, GatewaySpec
    from fastgw.core.live.board import Board
    from fastgw.filters.token_limits import Counted
    from fastgw.server.gateway import Gateway

_NAME: Final = re.compile(r"[A-Za-z0-9_.@-]{1,100}").fullmatch
_KEYS: Final = "fastgw.filters.api_key:ApiKeys"


class LimitsAsked:
    """Whom somebody asks about: ``key``, ``user`` and ``model`` (an entry of ``models``), empty where it is not said, and ``labels``."""

    __slots__ = ("key", "labels", "model", "user")

    def __init__(self, key: str = "", user: str = "", model: str = "", labels: Mapping[str, str] | None = None) -> None:
        self.key = key
        self.user = user
        self.model = model
        self.labels = dict(labels or ())

    @classmethod
    def of(cls, spec: GatewaySpec, pairs: Sequence[tuple[str, str]]) -> LimitsAsked | None:
        """Whom a query is about; None: about somebody whom ``spec``, and no filter, can know."""
        said = [(name, value) for name, value in pairs if name in ("key", "user", "model")]
        labels = [value.partition("=") for name, value in pairs if name == "label"]
        one = dict(said)
        known = {source for each in spec.filters if each.made_by == LIMITER for source in _sources(each)}
        if len(one) < len(said) or any(f"label:{name}" not in known or not value for name, _, value in labels):
            return None
        if any(not _NAME(one[name]) for name in ("key", "user") if name in one):
            return None
        if "model" in one and one["model"] not in {each.name for each in spec.models}:
            return None
        return cls(**one, labels={name: value for name, _, value in labels})

    def knows(self, sources: str) -> bool:
        """Whether a limit per these ``sources`` is about whom was said."""
        said = {"filter": "all", "key": self.key, "user": self.user, "model": self.model}
        said |= {f"label:{name}": value for name, value in self.labels.items()}
        return all(said.get(one) for one in sources.split(" and "))

    def exchange(self, board: Board) -> Any:
        """What a request of theirs looks like to who counts it."""
        notes: dict[str, Any] = {"labels": self.labels, "asked_model": SimpleNamespace(entry=self.model)}
        if self.key:
            notes["key"] = self.key
        if self.user:
            notes["basic"] = self.user  # one of those that users are known by
        seat = SimpleNamespace(board=board, key_of=lambda *parts: key_in(board.seed, parts))
        return SimpleNamespace(notes=notes, plane=SimpleNamespace(seat=seat))


def _sources(spec: FilterSpec) -> Iterator[str]:
    """What the limits of a filter count by."""
    options: dict[str, Any] = dict(spec.options)
    for one in options["limits"]:
        yield from dict(one)["per"]


async def limits_of(gateway: Gateway, pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]] | None:
    """Each limit that counts for whom ``pairs`` say, of the configuration that is in use; None: somebody whom it cannot know.

    Looked up in a thread: a file of keys is read.
    """
    spec, board = gateway.plan_in_use.spec, gateway.board.view
    asked = LimitsAsked.of(spec, pairs)
    return None if asked is None else await asyncio.to_thread(limits_left, spec, board, asked)


def limits_left(
    spec: GatewaySpec,
    board: Board,
    asked: LimitsAsked,
    clock: Callable[[], int] = time.monotonic_ns,
    wall: Callable[[], float] = time.time,
) -> list[dict[str, Any]]:
    """Each limit that counts for whom is ``asked`` about; ``clock``, ``wall``: as the workers have them."""
    said = _of_key(spec, asked.key) if asked.key else ()
    found = []
    for one in spec.filters:
        if one.made_by == LIMITER:
            found += [_told(one, limit, board, asked, clock) for limit in _limits(one, asked, said, wall)]
    return found


def _limits(
    spec: FilterSpec, asked: LimitsAsked, said: tuple[tuple[str, str], ...], wall: Callable[[], float]
) -> Iterator[Counted]:
    from fastgw.filters.token_limit import in_windows
    from fastgw.filters.token_limits import Noted, counted_limit
    from fastgw.filters.token_rates import AT_ONE_TIME

    options: dict[str, Any] = dict(spec.options)
    cluster = dict(options["cluster"]) if options["cluster"] is not None else None
    windowed = partial(in_windows, options["timezone"], wall)
    limits = [counted_limit(spec.name, at, dict(one), cluster, windowed) for at, one in enumerate(options["limits"], 1)]
    limits = [one for one in limits if one.only in ("", asked.model)]
    if said:
        limits = Noted(spec.name, cluster, windowed).over(limits, {"key": said})
    yield from (one for one in limits if one.unit != AT_ONE_TIME and asked.knows(one.level))


def _of_key(spec: GatewaySpec, name: str) -> tuple[tuple[str, str], ...]:
    """The limits of models that a file of keys says of this one."""
    from fastgw.filters.key_file import parse_keys
    from fastgw.filters.secret_file import read_file

    for one in spec.filters:
        if one.made_by == _KEYS:
            with suppress(OSError, ValueError):  # its filter complains
                for key in parse_keys(read_file(str(dict(one.options)["file"]))):
                    if key.name == name:
                        return key.of_models
    return ()


def _told(
    spec: FilterSpec, limit: Counted, board: Board, asked: LimitsAsked, clock: Callable[[], int]
) -> dict[str, Any]:
    from fastgw.filters.token_rates import COST, MICRO

    exchange = asked.exchange(board)
    if limit.shared is not None:
        value, rate = limit.shared.seen(exchange, clock)
    else:
        key, rate = limit.kind.seen(exchange, clock)
        value = peek(board, limit.kind.table, key)
    now = clock()
    left, whole = rate.left(value, now), rate.whole(value, now)
    return {
        "filter": spec.name,
        "limit": limit.kind.text,
        "unit": limit.unit,
        "amount": limit.burst / MICRO if limit.unit == COST else limit.burst,
        "left": left / MICRO if limit.unit == COST else left,
        "whole_in": round(whole / 1e9, 3),
        "is_shared": limit.shared is not None,
    }

"""Tries of what a configuration refers to that is elsewhere: is it there, and does it answer as is needed?

A try asks once, as the gateway would, with the same credentials and certificates, and changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

from fastgw.config.source import TreePath

LIMIT: Final = 10.0  #: seconds of one try
LONGEST: Final = 30.0  #: of all of them
AT_ONCE: Final = 32  #: under way

FINE, WARNING, FAILED = "fine", "warning", "failed"


class Expiry(NamedTuple):
    """Something that is good until a moment."""

    what: str  #: such as "certificate of 10.0.0.1:443"
    at: float  #: seconds since 1970


class Usable(NamedTuple):
    """What is elsewhere, and can be used."""

    said: str  #: a clause for people, such as "3 members"
    warnings: tuple[str, ...] = ()  #: what is hardly meant
    facts: Mapping[str, object] = {}  #: for tools
    expiries: tuple[Expiry, ...] = ()  #: when what of it is good no more


class FailedError(Exception):
    """It cannot be used: ``cause`` is a word, and the text is for the operator."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause


class Referred(NamedTuple):
    """Something elsewhere that the configuration names."""

    kind: str  #: "etcd", "consul", "dns", "file", "kubernetes", "redis", "keys", "introspection", "ext_authz", "telemetry" ...
    place: str  #: where it is, for people, without secrets
    paths: tuple[TreePath, ...]  #: where the file says so, at least one
    attempt: Callable[[], Awaitable[Usable]]  #: raises FailedError


class Tried(NamedTuple):
    """What came of one try."""

    reference: Referred
    state: str  #: ``FINE``, ``WARNING`` or ``FAILED``
    said: str  #: a clause; of ``FAILED`` why
    seconds: float  #: that it took
    cause: str = ""  #: of ``FAILED``, in a word
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, object] = {}
    expiries: tuple[Expiry, ...] = ()


async def try_all(wanted: Sequence[Referred], limit: float = LIMIT, longest: float = LONGEST) -> list[Tried]:
    """What comes of a try of each, in their order; within ``longest`` seconds, whatever they do."""
    found = [Tried(one, FAILED, f"was not tried within {longest:g} s", longest, "timeout") for one in wanted]
    waiting = iter(list(enumerate(wanted)))

    async def work() -> None:
        for place, one in waiting:
            found[place] = await _tried(one, limit)

    workers = [asyncio.ensure_future(work()) for _ in range(min(AT_ONCE, len(wanted)))]
    if workers:
        done, late = await asyncio.wait(workers, timeout=longest)
        for one in late:
            one.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for one in done:
            one.result()
    return found


async def _tried(reference: Referred, limit: float) -> Tried:
    began = time.monotonic()
    try:
        async with asyncio.timeout(limit):
            answer = await reference.attempt()
    except FailedError as error:
        return Tried(reference, FAILED, str(error), time.monotonic() - began, error.cause)
    except TimeoutError:
        return Tried(reference, FAILED, f"{reference.place} has not answered within {limit:g} s", limit, "timeout")
    state = WARNING if answer.warnings else FINE
    return Tried(reference, state, answer.said, time.monotonic() - began, "", *answer[1:])

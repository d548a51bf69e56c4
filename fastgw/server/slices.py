"""Work in steps (``fastgw.steps``) on a loop that serves meanwhile: it is done in slices, with a pause behind each.

A slice takes ``SLICE`` of the loop, and what is ready is served after it; the pause is longer, so serving has most of the time even where
it could use all of it.  What is done within one slice, such as compiling a small configuration, knows no pause.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from fastgw.steps import Steps

T = TypeVar("T")

SLICE: Final = 0.004  #: seconds of work; the step that is under way is finished
PAUSE: Final = 0.006  #: seconds until the next slice


class Superseded(Exception):
    """What is being done is not wanted any more."""


async def _rest() -> None:
    await asyncio.sleep(PAUSE)


async def in_slices(
    steps: Steps[T], clock: Callable[[], float], check: Callable[[], None], rest: Callable[[], Awaitable[None]] = _rest
) -> T:
    """Do all of ``steps``; return what they return, and raise what they raise.

    Args:
        steps: closed in the end, however it comes.
        clock: seconds.
        check: called behind each pause; what it raises ends the work.
        rest: the pause.
    """
    began = clock()
    try:
        while True:
            try:
                next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            if clock() - began >= SLICE:
                await rest()
                check()
                began = clock()
    finally:
        steps.close()

"""Work that can be done in pieces: a generator that yields wherever one may stop for a while, and returns what it has made.

There is one way to do such work.  Who has the time exhausts it with ``whole``; a loop that serves meanwhile takes some steps, serves, and
goes on (``server.slices``).  A step is as long as what one route, service or endpoint needs: tens of microseconds, not milliseconds.  What
closes the generator in the middle has what it holds let go of; it changes nothing that others see before it returns.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]


def whole(steps: Steps[T]) -> T:
    """All of it now; raise what it raises.

    >>> def made() -> Steps[int]:
    ...     yield
    ...     return 3
    >>> whole(made())
    3
    """
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result

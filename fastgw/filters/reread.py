"""A file that says something, and is read again when it has changed.

A thread looks at it, reads it and takes it apart (``filters.lookout``); the loop gets what it says.  What cannot be read leaves what was
known before in use, and is told in the log.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fastgw.core.exchange.about import report
from fastgw.filters.lookout import Lookout
from fastgw.filters.secret_file import read_file

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

Said = TypeVar("Said")
_Signature = tuple[int, ...]


class RereadFile(Generic[Said]):
    """The file, as long as somebody wants to know what it says."""

    __slots__ = ("_lookout", "_parse", "_path", "_seen", "_take", "is_told", "problem")

    def __init__(self, path: str, parse: Callable[[bytes], Said], take: Callable[[Said], None]) -> None:
        """``parse``: of what is in the file, may raise ValueError; called in the thread.  ``take``: called on the loop."""
        self._path = path
        self._parse = parse
        self._take = take
        self._seen: _Signature = ()
        self._lookout: Lookout[tuple[Any, str]] = Lookout(self._look, self._tell)
        self.is_told = True  #: whether there is nothing to complain of that the log does not know
        self.problem = ""  #: why it could not be read the last time; empty: it could

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read it now, and from now on when it changes; raises OSError with a sentence if it cannot be used."""
        self._seen = _signature(self._path)
        try:
            self._take(self._parse(read_file(self._path)))
        except ValueError as error:
            raise OSError(f"{self._path}: {error}") from None
        self._lookout.start(loop)

    def stop(self) -> None:
        """Look no more."""
        self._lookout.stop()

    def complain(self, exchange: Exchange, name: str) -> None:
        """Let the log know, once, if it cannot be read any more; ``name``: of the filter."""
        if not self.is_told:
            self.is_told = True
            said = "a file cannot be read again, so what it said before stays in use"
            report(exchange, "warning", said, filter=name, file=self._path, reason=self.problem)

    def _look(self) -> tuple[Any, str] | None:
        """What it says, or why it says nothing; None: what it said before."""
        try:
            signature = _signature(self._path)
            if signature == self._seen:
                return None
            self._seen = signature
            return self._parse(read_file(self._path)), ""
        except (OSError, ValueError) as error:
            if isinstance(error, OSError):
                self._seen = ()
            return None, str(error)

    def _tell(self, found: tuple[Any, str]) -> None:
        said, problem = found
        if not problem:
            self._take(said)
        elif problem != self.problem:
            self.is_told = False
        self.problem = problem


def _signature(path: str) -> _Signature:
    """What changes with it: also when another file takes its place, or it is written within one tick of the clock with another size."""
    found = os.stat(path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

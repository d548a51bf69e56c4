"""Files of what a gateway has been told by others, for a start while they cannot be asked: members, addresses of names, keys.

Each is one file beside the state file, replaced as a whole: ``gateway.state.members.json``.  It is read strictly, entry by entry, as what
tells it is: it may be of any age and, where the folder is not ours alone, of any hand.  One that is none is set aside.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import orjson

from fastgw.server.whole_file import read_whole, replace_whole

FORMAT: Final = 1  #: of the files; another one is not read


class SeenBefore(Protocol):
    """What is kept of one source, name or set."""

    @property
    def seen_at(self) -> float:
        """Seconds since 1970 at which whoever says so said so last."""
        ...


S = TypeVar("S", bound=SeenBefore)


@dataclass(frozen=True)
class MemoryFile(Generic[S]):
    """A kind of them."""

    what: str  #: it has: part of its name, and for the log
    largest: int  #: bytes
    most: int  #: entries, of which those that were seen last stay
    oldest: float  #: seconds after which an entry is not used any more
    plain: Callable[[S], Any]  #: an entry as plain data
    understood: Callable[[Any], S]  #: the opposite; raises ValueError, LookupError, TypeError or OverflowError

    def path(self, state_file: str) -> str:
        """That of a gateway with this state file."""
        stem, ending = os.path.splitext(state_file)
        return f"{stem}.{self.what}{ending}"

    def read(self, path: str) -> tuple[dict[str, S], str]:
        """What the file has, and what is wrong with it: then it is empty.  Nothing is wrong where there is none."""
        return read_whole(path, self.largest, self._of_bytes, f"list of {self.what} of version {FORMAT}")

    def _of_bytes(self, data: bytes) -> dict[str, S]:
        tree = orjson.loads(data)
        if not isinstance(tree, dict) or tree.get("format") != FORMAT:
            raise ValueError("it says another format")
        return {str(name): self.understood(one) for name, one in dict(tree["lists"]).items()}

    def write(self, path: str, lists: Mapping[str, S]) -> int:
        """Replace the file by ``lists``; return how many it has: the oldest are left out where all would be too much.

        Raises:
            OSError: it stays as it is.
        """
        latest = sorted(lists.items(), key=lambda one: one[1].seen_at, reverse=True)[: self.most]
        parts, size = [], 64
        for name, one in latest:
            part = orjson.dumps(name) + b":" + orjson.dumps(self.plain(one))
            size += len(part) + 2
            if size > self.largest:
                break
            parts.append(part)
        replace_whole(path, b'{"format":%d,"lists":{\n%b\n}}\n' % (FORMAT, b",\n".join(parts)))
        return len(parts)


def set_aside(path: str) -> str:
    """Where a file is now that is none, so that the next one does not replace it; empty: it could not be moved."""
    try:
        os.replace(path, f"{path}.bad")
    except OSError:
        return ""
    return f"{path}.bad"

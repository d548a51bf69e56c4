"""What stands in the place of a value that is wrong, so that one mistake neither hides nor causes another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final


class Unsound:
    """The answer to every question about it is no: it has no entries, equals nothing and differs from nothing, is neither
    more nor less than anything, and its parts are unsound too.  A rule that *asks* for a value says nothing about it then.

    A rule that misses a value has to ask ``is_missing``, because this is not missing: something is there, but wrong.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Unsound:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_: object) -> Unsound:
        return self

    def __getitem__(self, _: object) -> Unsound:
        return self

    def __iter__(self) -> Iterator[Unsound]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False

    def _no(self, _: object) -> bool:
        return False

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _no
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return "UNSOUND"


UNSOUND: Final = Unsound()


def is_unsound(*values: object) -> bool:
    """Is one of them wrong, and told already?"""
    return any(value is UNSOUND for value in values)


def is_missing(value: object) -> bool:
    """Is it empty, None or 0, and really so?"""
    return value is not UNSOUND and not value

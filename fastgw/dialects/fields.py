"""Requests of one dialect, read key by key, so that nothing of them is lost unseen: whatever nobody has asked for in the end is refused.

    said = KeyReader(document, "")
    model = said.need("model", str)
    said.drop("cache_control")          # harmless, as docs/dialects.md says
    said.end()                          # refuses the first key that is left

A key with ``null`` is one that is not there.  Places are as both OpenAI and Anthropic write them, ``messages.0.content``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

NUMBER: Final = (int, float)
_WORDS: Final = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    type(None): "null",
}

Kinds = type | tuple[type, ...]


class RequestMisfitError(ValueError):
    """A request is not what its own dialect says; ``str`` tells where and why."""


class UntranslatableError(ValueError):
    """Something of a request has nothing like it in the dialect of the service; ``str`` tells what, and where."""


class BrokenAnswerError(ValueError):
    """An answer is not what the dialect of the service says; ``str`` tells why."""


class KeyReader:
    """An object of JSON that is being read."""

    __slots__ = ("_left", "path")

    def __init__(self, value: Any, path: str) -> None:
        """``path``: where it stands; empty: it is the whole body.

        Raises:
            RequestMisfitError: ``value`` is no object.
        """
        if type(value) is not dict:
            raise misfit(path, (dict,), value)
        self._left: dict[str, Any] = dict(value)
        self.path = path

    def at(self, key: str) -> str:
        """The place of ``key``."""
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str, kinds: Kinds = object) -> Any:
        """The value of ``key``, which is one of ``kinds``; None: there is none.

        Raises:
            RequestMisfitError: it is of another kind.
        """
        value = self._left.pop(key, None)
        if value is None or kinds is object:
            return value
        found = kinds if isinstance(kinds, tuple) else (kinds,)
        if type(value) not in found:
            raise misfit(self.at(key), found, value)
        return value

    def need(self, key: str, kinds: Kinds = object) -> Any:
        """The same, of a key that has to be there.

        Raises:
            RequestMisfitError: it is not, or as ``take``.
        """
        value = self.take(key, kinds)
        if value is None:
            raise RequestMisfitError(f"{self.at(key)}: is needed")
        return value

    def inside(self, key: str) -> KeyReader | None:
        """The object that ``key`` has; None: there is none.

        Raises:
            RequestMisfitError: it is no object.
        """
        value = self.take(key)
        return None if value is None else KeyReader(value, self.at(key))

    def each(self, key: str) -> list[KeyReader]:
        """The objects of the list that ``key`` has, none if it is not there.

        Raises:
            RequestMisfitError: it is no list, or has something else in it.
        """
        found = self.take(key, list) or ()
        return [KeyReader(one, f"{self.at(key)}.{place}") for place, one in enumerate(found)]

    def drop(self, *keys: str) -> None:
        """Pass over ``keys``, whose loss is harmless."""
        for key in keys:
            self._left.pop(key, None)

    def only(self, key: str, *harmless: Any) -> None:
        """Refuse ``key``, unless its value is among those that mean nothing.

        Raises:
            UntranslatableError: it is another.
        """
        value = self._left.pop(key, None)
        if value is not None and not any(
            value is one or (value == one and type(value) is type(one)) for one in harmless
        ):
            raise self.refused(key)

    def refused(self, key: str) -> UntranslatableError:
        """The error for ``key``."""
        return UntranslatableError(f"{self.at(key)}: has nothing like it in the API of the service")

    def foreign(self, key: str, value: str) -> UntranslatableError:
        """The error for the ``value`` that ``key`` has."""
        return UntranslatableError(f"{self.at(key)}: {value[:64]!r} has nothing like it in the API of the service")

    def meant(self, key: str, value: str, words: Mapping[str, str]) -> str:
        """The one of ``words`` that ``value``, which ``key`` has, is in the other dialect.

        Raises:
            UntranslatableError: it is none.
        """
        found = words.get(value)
        if found is None:
            raise self.foreign(key, value)
        return found

    def end(self) -> None:
        """All of it was read.

        Raises:
            UntranslatableError: it has another key.
        """
        for key, value in self._left.items():
            if value is not None:
                raise self.refused(key)


def misfit(path: str, wanted: tuple[type, ...], value: Any) -> RequestMisfitError:
    """The error for a ``value`` at ``path`` that is of no kind ``wanted``."""
    words = list(dict.fromkeys(_WORDS[one] for one in wanted))
    return RequestMisfitError(f"{path or 'the body'}: must be {' or '.join(words)}, and is {_WORDS[type(value)]}")


def copied(said: KeyReader, into: dict[str, Any], kinds: Kinds, *keys: str) -> None:
    """Have ``into`` say what ``said`` does by ``keys``, whose values are of ``kinds``.

    Raises:
        RequestMisfitError: as ``KeyReader.take``.
    """
    for key in keys:
        value = said.take(key, kinds)
        if value is not None:
            into[key] = value

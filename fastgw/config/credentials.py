"""Where a credential is, what clients are told of it, and files of such: what filters have in common that ask who it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastgw.config.http_values import field_name
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Parsed
from fastgw.config.values import scalar, shown, text
from fastgw.filters.secret_file import read_file
from fastgw.wire.fields import OWN_REQUEST_FIELDS, is_own

_LARGEST_SECRET: Final = 4096  #: bytes of a file
_PLACES: Final = "authorization, header:NAME, cookie:NAME, query:NAME or subprotocol:NAME"
_KINDS: Final = {"header": "field", "cookie": "cookie", "query": "parameter", "subprotocol": "subprotocol"}


def _place(value: object) -> str:
    found = scalar(value, _PLACES)
    kind, colon, name = found.partition(":")
    if found == "authorization":
        return found
    if kind not in _KINDS or not colon:
        raise ValueError(f"expected {_PLACES}, got {shown(value)}")
    name = field_name(name) if kind == "header" else name
    if kind == "header" and is_own(name.encode(), OWN_REQUEST_FIELDS):
        raise ValueError(f"{name!r} belongs to one connection, or is the gateway's own")
    if kind != "header" and (not name.isascii() or not name.isprintable() or not name or set(name) & set(' &=;,"')):
        raise ValueError(f"expected the name of a {_KINDS[kind]}, got {shown(name)}")
    return f"{kind}:{name}"


def _realm(value: object) -> str:
    found = text("a realm")(value)
    if not found.isascii() or set(found) & set('"\\'):
        raise ValueError(f"expected a realm of ASCII without quotes and backslashes, got {shown(value)}")
    return found


def _places(value: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_place, value if isinstance(value, list) else [value])))


_PLACE: Final[dict[str, Any]] = {"type": "string", "examples": ["authorization", "cookie:session"]}

Place = Annotated[str, Parsed(_place, **_PLACE)]
KeyPlaces = Annotated[tuple[str, ...], Parsed(_places, anyOf=[_PLACE, {"type": "array", "items": _PLACE}])]
Realm = Annotated[str, Parsed(_realm, type="string")]


def check_secret_file(document: Document, where: TreePath, path: str, parse: Callable[[bytes], object]) -> None:
    """Report what keeps ``path`` from being read; warn if everybody on the host can."""
    try:
        parse(read_file(path))
    except OSError as error:
        document.report(where, f"{path} cannot be read: {error.strerror or error}")
        return
    except ValueError as error:
        document.report(where, f"{path}: {error}")
        return
    if os.stat(path).st_mode & 0o004:
        document.warn(where, f"everybody on this host can read {path}; chmod o-r is meant")


def read_secret(path: str) -> str:
    """The first line of a file; raises ValueError in words for the operator, which have nothing of it."""
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST_SECRET + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        found = data.decode().strip()
    except UnicodeDecodeError:
        found = ""
    if not found or not found.isprintable() or len(data) > _LARGEST_SECRET:
        raise ValueError(f"{path} is not one line of text")
    return found


def secret_text(value: object) -> str:
    """Whatever it says, nobody is shown it."""
    found = str(scalar(value, "a secret"))
    if not found:
        raise ValueError("is empty")
    return found

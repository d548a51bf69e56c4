"""What a skim of JSON (``wire.json_skim``) finds, and what it refuses: the words that both of its forms share."""

from __future__ import annotations

from typing import Final, NamedTuple

STRING, NUMBER, TRUE, FALSE, NULL, OBJECT, ARRAY = range(1, 8)  #: kinds of values
KIND_NAMES: Final = (
    "",
    "a string",
    "a number",
    "true",
    "false",
    "null",
    "an object",
    "an array",
)  #: by kind, for people

DEPTH_MAX: Final = 256  #: containers in each other, the outermost included
KEY_MAX: Final = 64  #: bytes of a key of the outermost object that could be one looked for
VALUE_MAX: Final = 64 * 1024  #: bytes of a value that are kept where nothing else is said

# Why a document is refused.
MALFORMED: Final = "malformed"  #: it is no JSON
NOT_AN_OBJECT: Final = "not_an_object"  #: it is none, or JSON of another kind
TOO_DEEP: Final = "too_deep"  #: more than ``DEPTH_MAX``
AMBIGUOUS: Final = "ambiguous"  #: a key that is looked for stands there twice, or in other letters


class JsonError(ValueError):
    """A document has no single reading, or none within the bounds.

    ``reason`` is one of ``MALFORMED``, ``NOT_AN_OBJECT``, ``TOO_DEEP`` and ``AMBIGUOUS``; ``offset`` is that of the byte that shows it, of
    the document from 0 on; ``key`` is the one that is ambiguous, as it was looked for, else empty.
    """

    def __init__(self, reason: str, detail: str, offset: int, key: bytes = b"") -> None:
        super().__init__(f"{detail} (byte {offset})")
        self.reason = reason
        self.offset = offset
        self.key = key


class JsonValue(NamedTuple):
    """The value of a key: where it stands, from its first byte to behind its last, and what it is."""

    kind: int  #: ``STRING`` to ``ARRAY``
    start: int  #: of its first byte, in the document
    stop: int  #: behind its last
    raw: bytes | None  #: the bytes from ``start`` to ``stop``; None: they are more than are kept


def alike(name: bytes, keys: tuple[bytes, ...]) -> bytes | None:
    """The one of ``keys`` that ``name``, which is none of them, is for a reader which does not mind case, such as ``encoding/json`` of Go:
    it folds as Unicode does (so "max_to\u212aens" is max_tokens).  None: none of them."""
    try:
        folded = name.decode().casefold().encode()
    except UnicodeDecodeError:  # which the skim refuses by itself, or half of a character
        return None
    return folded if folded in keys else None

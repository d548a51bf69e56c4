"""A text that lists members, YAML or JSON: each entry read by itself, so that a bad one costs no other.

    - 10.0.0.5:9000
    - {address: "[2001:db8::5]:9000", weight: 3, zone: eu-1, version: 1.10, metadata: {gpu: h100}}

What follows from parsing alone is refused as a whole, with its line; what is wrong with one entry is told of that entry.  Texts stay as
they are written: the version 1.10 is not the number 1.1, and ``yes`` is no truth value.  The parser is libyaml, and it is not trusted:
size, depth and number are bounded, and aliases, tags and merge keys are no part of an entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import yaml

from fastgw.bounded_yaml import compose
from fastgw.discovery.listing import MOST, ListedMember, Skipped, SourceError, listed

ENTRIES_MOST: Final = 4 * MOST  #: of one text
DEEPEST: Final = 16  #: levels of nesting
KEYS: Final = ("address", "weight", "zone", "version", "metadata")

_TAGS: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp"))


class _Unsound(NamedTuple):
    """In the place of a value that cannot be used."""

    reason: str


def parse_yaml(text: str) -> tuple[list[ListedMember], list[Skipped]]:
    """The members in ``text``, and the entries that are none.

    Raises:
        SourceError: it is no list at all.
    """
    try:
        root = compose(text, DEEPEST)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark and error.context_mark and mark.index >= len(text.rstrip()):
            mark = error.context_mark  # what has no end is to be looked for where it begins
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise _invalid(f"is not valid YAML: {said}", mark.line + 1 if mark else 0) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _invalid(f"is not valid YAML: the character U+{error.character:04X} is not allowed", line) from None
    if root is None:
        raise _invalid("is empty; a list with nobody in it is []", 0)
    if not isinstance(root, yaml.SequenceNode):
        raise _invalid("has no list of members at its top", root.start_mark.line + 1)
    if len(root.value) > ENTRIES_MOST:
        raise _invalid(f"has more than {ENTRIES_MOST} entries", 0)
    seen: set[int] = set()
    return _members((f"line {node.start_mark.line + 1}", _plain(node, seen)) for node in root.value)


def parse_json(text: str) -> tuple[list[ListedMember], list[Skipped]]:
    """The same for JSON (RFC 8259), where entries are named by their place, from 1."""
    try:
        root = json.loads(text, object_pairs_hook=_mapping, parse_float=str)
    except json.JSONDecodeError as error:
        said = "is empty; a list with nobody in it is []" if not text.strip() else f"is not valid JSON: {error.msg}"
        raise _invalid(said, error.lineno) from None
    except RecursionError:
        raise _invalid("is nested too deeply", 0) from None
    except ValueError:  # an integer of thousands of digits
        raise _invalid("has a number that is too long", 0) from None
    if not isinstance(root, list):
        raise _invalid("has no list of members at its top", 1)
    if len(root) > ENTRIES_MOST:
        raise _invalid(f"has more than {ENTRIES_MOST} entries", 0)
    return _members((f"entry {place}", value) for place, value in enumerate(root, 1))


def member(value: object) -> ListedMember:
    """A member, of what an entry says: the text of its address, or a mapping with ``KEYS``.

    Raises:
        ValueError: it is none, and why.
    """
    if isinstance(value, _Unsound):
        raise ValueError(value.reason)
    if isinstance(value, str):
        return listed(value)
    if not isinstance(value, Mapping):
        raise ValueError("is neither an address nor a mapping with one")
    for key, inner in value.items():
        if key not in KEYS:
            raise ValueError(f"has the key {str(key)[:60]!r}; there are {', '.join(KEYS)}")
        if isinstance(inner, _Unsound):
            raise ValueError(f"{key}: {inner.reason}")
    if "address" not in value:
        raise ValueError("has no address")
    metadata = value.get("metadata", {})
    if "version" in value:
        if not isinstance(metadata, Mapping) or "version" in metadata:
            raise ValueError("has a version and metadata that is no mapping, or has one too")
        metadata = {**metadata, "version": value["version"]}
    for inner in metadata.values() if isinstance(metadata, Mapping) else ():
        if isinstance(inner, _Unsound):
            raise ValueError(f"metadata: {inner.reason}")
    return listed(value["address"], value.get("weight", 1), value.get("zone", ""), metadata)


def _members(entries: Iterator[tuple[str, object]]) -> tuple[list[ListedMember], list[Skipped]]:
    members, skipped = [], []
    for place, value in entries:
        try:
            members.append(member(value))
        except ValueError as error:
            skipped.append(Skipped(place, str(error)))
    return members, skipped


def _invalid(said: str, line: int) -> SourceError:
    return SourceError("invalid", f"line {line}: {said}" if line else said)


def _mapping(pairs: list[tuple[str, object]]) -> object:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Unsound("has a key twice")


# -- YAML --------------------------------------------------------------------------------------------------------------


def _plain(node: yaml.Node, seen: set[int]) -> object:
    """The value of ``node``: a mapping, a text, a whole number or None; ``seen``: all nodes before it."""
    if id(node) in seen:
        return _Unsound("an alias is no part of a list of members")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        return _plain_mapping(node, seen)
    if not isinstance(node, yaml.ScalarNode):
        return _Unsound("a list is no part of an entry")
    if node.tag not in _TAGS:
        return _Unsound("a tag is no part of a list of members")
    text: str = node.value
    if not node.style and node.tag == "tag:yaml.org,2002:null":
        return None
    return text


def _plain_mapping(node: yaml.MappingNode, seen: set[int]) -> object:
    if node.tag != "tag:yaml.org,2002:map":
        return _Unsound("a tag is no part of a list of members")
    found: dict[str, object] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            return _Unsound("a key is no text")
        key = str(key_node.value)
        if key in found:
            return _Unsound(f"has the key {key[:60]!r} twice")
        value = _plain(value_node, seen)
        if key == "weight" and isinstance(value, str) and not value_node.style and value.isascii() and value.isdigit():
            value = int(value[:10])
        found[key] = value
    return found

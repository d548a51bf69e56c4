"""What differs between two configurations, in words: ``service llm: pool.max_connections: 64 -> 128``.

The fields of a specification have the names of the keys of the file, so one walk knows all of them.  What is secret is not
shown: that it has changed is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastgw.config.beside import beside
from fastgw.config.loaded_files import digest
from fastgw.config.spec import PLUGIN, EndpointSpec, FilterSpec, GatewaySpec, SplitSpec, VersionSpec
from fastgw.core.settings import Address, RedisSettings, Url
from fastgw.policy.shares import WHOLE

THINGS: Final = (("listener", "listeners"), ("route", "routes"), ("service", "services"), ("filter", "filters"))
#: Fields that follow from others, or from where the file is.
_DERIVED: Final = frozenset(
    {"source", "key_sets", "redis", "unmatched", "places", "made_by", "does", "shares", "settings_json", "listed"}
)
_SECRET: Final = re.compile(
    r"secret|passw|passphrase|token|authorization|cookie$|credential|api.?key|[a-z]-key$|^(?:keys|users|text)$",
    re.ASCII,
)
_HIDDEN: Final = "(not shown)"
_LONGEST: Final = 80  #: characters of a value


class _Secret(tuple[Any, ...]):
    """A value that is compared and not shown."""

    __slots__ = ()


def changes(old: GatewaySpec, new: GatewaySpec) -> list[str]:
    """A line for each thing that is added, removed or changed; empty: they are the same."""
    found = [*differences("gateway", top(old), top(new))]
    for kind, field in THINGS:
        found += _things(kind, named(old, field), named(new, field))
    return [*found, *_things("versions of", named(old, "versioned"), named(new, "versioned"))]


def top(spec: GatewaySpec) -> Mapping[str, Any]:
    """The values of what is of the gateway as a whole, by the paths of their keys."""
    things = {field for _, field in THINGS} | {"versioned"}
    usual = {"admin_socket": "sock", "state_file": "state.json"}
    found = {name: value for name, value in spec._asdict().items() if name not in things}
    found |= {name: "" for name, ending in usual.items() if found[name] == beside(spec.source, ending)}
    return dict(_flat(found, "", os.path.dirname(spec.source) + "/"))


def flat(thing: Any, folder: str) -> Mapping[str, Any]:
    """The values of one thing of a specification, by the paths of their keys; files are told by what is behind ``folder``."""
    return dict(_flat(_fields(thing), "", folder))


def named(spec: GatewaySpec, field: str) -> dict[str, Mapping[str, Any]]:
    """The things of one kind by their names, each as its values by their keys."""
    folder = os.path.dirname(spec.source) + "/"
    return {one.name: flat(one, folder) for one in getattr(spec, field)}


def _things(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in old:
        if name not in new:
            yield f"{kind} {name}: removed"
    for name, values in new.items():
        if name not in old:
            yield f"{kind} {name}: added{_summary(values)}"
        else:
            yield from differences(f"{kind} {name}", old[name], values)


def _summary(values: Mapping[str, Any]) -> str:
    """What a thing that is new is about."""
    told = [_text(values[key]) for key in ("bind.address", "path", "service", "type") if values.get(key)]
    told += [key.removeprefix("endpoint ") for key in values if key.startswith("endpoint ") and " " not in key[9:]]
    return f" ({', '.join(told)})" if told else ""


def differences(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """A line for each value of the thing that is called ``where`` that is another in ``new``."""
    gone = [key for key in old if key not in new]
    come = [key for key in new if key not in old]
    for key in _outermost(gone):
        yield f"{where}: {key} removed{_was(old[key])}"
    for key in _outermost(come):
        yield f"{where}: {key} added{_was(new[key])}"
    for key, value in new.items():
        if key in old and old[key] != value:
            if isinstance(value, _Secret) or isinstance(old[key], _Secret):
                yield f"{where}: {key} changed {_HIDDEN}"
            else:
                yield f"{where}: {key}: {_text(old[key])} -> {_text(value)}"


def _outermost(keys: list[str]) -> list[str]:
    """Without what is inside another of them."""
    known = set(keys)
    return [key for key in keys if not any(key[:end] in known for end, one in enumerate(key) if one in ". ")]


def _was(value: Any) -> str:
    return "" if value == () or isinstance(value, bool) else f": {_text(value)}"


def _flat(value: Mapping[str, Any], path: str, folder: str) -> Iterator[tuple[str, Any]]:
    """Every value under ``value`` with its path; ``folder``: files in it are told by what is behind it."""
    for key, one in value.items():
        if key in _DERIVED:
            if key == "settings_json":
                yield f"{path}settings", _Secret((one,))
            continue
        inner = "" if key == "settings" else "endpoint" if key == "endpoints" else key
        where = f"{path}{inner}"
        if inner and _SECRET.search(key.lower()) and one and not key.endswith("_file"):
            yield where, _Secret((one,))
            continue
        below = _parts(one)
        if below is None:
            yield where, one.removeprefix(folder) if isinstance(one, str) else one
            continue
        if isinstance(one, tuple) and not hasattr(one, "_fields") and below:  # a list or a mapping: each entry counts
            for name, entry in below.items():
                yield from _entry(f"{where} {name}", name, entry, folder)
        else:
            yield from _flat(below, f"{where}." if inner else path, folder)


def _entry(where: str, name: str, entry: Any, folder: str) -> Iterator[tuple[str, Any]]:
    below = _parts(entry)
    if below is None:
        is_secret = entry and _SECRET.search(name.lower())
        yield where, _Secret((entry,)) if is_secret else entry
    elif _SECRET.search(name.lower()):
        yield where, _Secret((entry,))
    else:
        yield where, ()
        yield from _flat(below, f"{where} ", folder)


def _parts(value: Any) -> Mapping[str, Any] | None:
    """What ``value`` consists of, by names; None: it is told as a whole."""
    if isinstance(value, Address | Url | RedisSettings | _Secret) or not isinstance(value, tuple):
        return value if isinstance(value, dict) else None
    if hasattr(value, "_fields"):
        return _fields(value)
    if value and all(hasattr(one, "_fields") and not isinstance(one, Address | Url | RedisSettings) for one in value):
        return {_label(one, place): one for place, one in enumerate(value, 1)}
    if value and all(isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str) for one in value):
        return dict(value)
    return None


def _fields(value: Any) -> dict[str, Any]:
    """Of a specification, by the names of the keys."""
    found: dict[str, Any] = value._asdict()
    if isinstance(value, EndpointSpec):
        del found["address"]  # which is its name
    elif isinstance(value, VersionSpec):
        found = {"weight": f"{value.share * 100 / WHOLE:g} %"}
    elif isinstance(value, FilterSpec):
        options = dict(value.options)
        if value.made_by == PLUGIN:  # nobody here knows which of its options are secret
            options = {key: _Secret((one,)) for key, one in options.items()}
        found = {"type": value.made_by.rpartition(":")[2], "settings": value.settings, **options}
    return found


def _label(one: Any, place: int) -> str:
    if isinstance(one, EndpointSpec):
        return str(one.address)
    if isinstance(one, SplitSpec):
        return one.service
    return str(getattr(one, "name", "") or place)


def _text(value: Any) -> str:
    found = text(value)
    return found if len(found) <= _LONGEST else f"{found[:_LONGEST]}..."


def text(value: Any) -> str:
    """A value in words, whatever its kind; one that is secret is not shown."""
    if value is None or value in ((), "", b""):
        return "none"
    if isinstance(value, _Secret):
        return _HIDDEN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, bytes):
        value = _of_bytes(value)
    if isinstance(value, tuple | list | frozenset | set) and not isinstance(value, Address | Url | RedisSettings):
        value = ", ".join(map(text, value))
    return "".join(one if one.isprintable() else "?" for one in str(value))


def _of_bytes(value: bytes) -> str:
    """Text as it is; of anything else how much it is, and by what it can be told from other such."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"{len(value)} bytes ({digest(value)})"

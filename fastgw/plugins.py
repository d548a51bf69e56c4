"""Code of others, found by what a configuration calls it, and the settings it is made with.

    "module:name"    the attribute of a module, which may have dots: ``module:Class.inner``
    "word"           an entry point of that name, which an installed package has in the group that is looked in

Imported are modules of installed packages, those on ``PYTHONPATH``, and those in the folder of the configuration, which stands behind both:
nothing there hides a module of Python or of a package.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any

SERVICES = "fastgw.services"  #: group of entry points


class PluginError(Exception):
    """It cannot be used; the message says why, in words of the operator and those of what was raised."""


def look_in(folder: str) -> None:
    """Look for modules in ``folder`` too, where they are found nowhere else."""
    if folder and os.path.isdir(folder) and folder not in sys.path:
        sys.path.append(folder)


def find(reference: str, group: str) -> Any:
    """What ``reference`` names.

    Raises:
        PluginError: there is no such module, name or entry point, or importing it fails.
    """
    if ":" not in reference:
        return _of_package(reference, group)
    module, _, path = reference.partition(":")
    try:
        found: Any = __import__(module, fromlist=["*"])
    except (Exception, SystemExit) as error:
        raise PluginError(f"the module {module!r} cannot be imported: {said(error)}") from error
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise PluginError(f"the module {module!r} has no {path!r}") from None
    return found


def _of_package(word: str, group: str) -> Any:
    from importlib.metadata import entry_points

    found = entry_points(group=group, name=word)
    if not found:
        known = ", ".join(sorted({one.name for one in entry_points(group=group)})) or "none"
        raise PluginError(f"no installed package has {word!r} among its {group} (there are: {known})")
    if len({one.value for one in found}) > 1:
        raise PluginError(f"several packages have {word!r} among their {group}; write module:name")
    one = next(iter(found))
    try:
        return one.load()
    except (Exception, SystemExit) as error:
        raise PluginError(f"{one.value!r}, which {word!r} is, cannot be imported: {said(error)}") from error


def make(kind: Any, given: Mapping[str, Any]) -> Any:
    """One of ``kind``, a class.  Where it has ``Settings``, a dataclass or a pydantic model, it is called with one of those, made of
    ``given``, and else with nothing.

    Raises:
        PluginError: the settings are none of that model, or it takes none and there are some, or making it fails.
    """
    arguments = settings_of(kind, given)
    try:
        return kind(*arguments)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{_name(kind)} cannot be made: {said(error)}") from error


def settings_of(kind: Any, given: Mapping[str, Any]) -> tuple[Any, ...]:
    """What ``kind`` is called with.

    Raises:
        PluginError: as ``make``, but for the making.
    """
    model = getattr(kind, "Settings", None)
    if model is None:
        if given:
            raise PluginError(f"{_name(kind)} takes no settings, for it has no Settings; got {', '.join(given)}")
        return ()
    try:
        if hasattr(model, "model_validate"):
            return (model.model_validate(dict(given)),)
        return (_filled(model, given),)
    except (TypeError, ValueError) as error:
        raise PluginError(f"the settings are none of {_name(kind)}: {said(error)}") from error


def said(error: BaseException) -> str:
    """The kind of ``error`` and what it says, in one line."""
    lines = " ".join(str(error).split())
    return f"{type(error).__name__}: {lines}" if lines else type(error).__name__


def _name(kind: Any) -> str:
    return str(getattr(kind, "__qualname__", kind))


def _filled(model: Any, given: Mapping[str, Any]) -> Any:
    """A dataclass of ``given``, each with the type that the field has, where that is one of Python itself."""
    if not dataclasses.is_dataclass(model) or not isinstance(model, type):
        raise TypeError("Settings is neither a dataclass nor a model of pydantic")
    known = {one.name: one for one in dataclasses.fields(model) if one.init}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ValueError(f"there is no {unknown[0]!r}; known are {', '.join(known) or 'none'}")
    hints = typing.get_type_hints(model)
    return model(**{name: _typed(name, hints[name], value) for name, value in given.items()})


def _typed(name: str, hint: Any, value: Any) -> Any:
    """``value`` if it is of the type ``hint``; a whole number is a float where one is wanted."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    kinds = [typing.get_origin(one) or one for one in options]
    if typing.Literal in kinds:
        options = typing.get_args(hint)
        if value not in options:
            raise ValueError(f"{name}: expected {' or '.join(map(repr, options))}, got {value!r}")
        return value
    if float in kinds and type(value) is int and int not in kinds:
        return float(value)
    plain = [one for one in kinds if isinstance(one, type)]
    if len(plain) < len(kinds) or object in plain:
        return value  # of another kind of annotation nothing is known here
    if type(value) in plain or (isinstance(value, list) and tuple in plain):
        return tuple(value) if type(value) not in plain else value
    if any(one not in (bool, int, float, str, list, dict, type(None)) for one in plain):
        return value
    wanted = " or ".join(one.__name__ for one in plain)
    raise ValueError(f"{name}: expected {wanted}, got {value!r}")

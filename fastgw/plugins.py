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

from fastgw import imported

SERVICES = "fastgw.services"  #: groups of entry points
FILTERS = "fastgw.filters"
TRANSFORMERS = "fastgw.transformers"
GROUPS = (FILTERS, TRANSFORMERS, SERVICES)


class PluginError(Exception):
    """It cannot be used; the message says why, in words of the operator and those of what was raised.

    ``place``: the keys that lead to what is wrong in the settings; empty: it is all of them, or something else.
    """

    def __init__(self, message: str, place: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.place = place


class _SettingError(ValueError):
    """One setting is wrong."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def look_in(folder: str) -> None:
    """Look for modules in ``folder`` too, where they are found nowhere else."""
    if folder and os.path.isdir(folder) and folder not in sys.path:
        sys.path.append(folder)


def find(reference: str, group: str) -> Any:
    """What ``reference`` names.

    Raises:
        PluginError: there is no such module, name or entry point, or importing it fails.
    """
    before = frozenset(sys.modules)
    try:
        return _find(reference, group)
    finally:
        imported.note([name for name in sys.modules if name not in before])


def _find(reference: str, group: str) -> Any:
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


def is_registered(word: str, group: str) -> bool:
    """Has an installed package an entry point of this name?  Nothing is imported."""
    from importlib.metadata import entry_points

    return bool(entry_points(group=group, name=word))


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
    """What ``kind``, a service, is called with.

    Raises:
        PluginError: as ``make``, but for the making.
    """
    return _modelled(kind, "Settings", given)


def options_of(kind: Any, given: Mapping[str, Any]) -> Any:
    """What ``kind``, a filter or transformer, is called with beside its name: one of its ``Options``, without which it is an empty mapping.

    Raises:
        PluginError: ``given`` is none of that model, or it takes none and there are some.
    """
    return next(iter(_modelled(kind, "Options", given)), {})


def _modelled(kind: Any, model_name: str, given: Mapping[str, Any]) -> tuple[Any, ...]:
    """``given`` as one of the model that ``kind`` has by that name; empty: it has none, and nothing is given."""
    model, word = getattr(kind, model_name, None), model_name.lower()
    if model is None:
        if given:
            reason = f"{_name(kind)} takes no {word}, for it has no {model_name}; got {', '.join(given)}"
            raise PluginError(reason, (next(iter(given)),))
        return ()
    try:
        if hasattr(model, "model_validate"):
            return (model.model_validate(dict(given)),)
        return (_filled(model, model_name, given),)
    except (TypeError, ValueError) as error:
        raise PluginError(f"the {word} are none of {_name(kind)}: {said(error)}", _place(error)) from error


def _place(error: Exception) -> tuple[str | int, ...]:
    """The keys that lead to what ``error`` is about, where it tells."""
    if isinstance(error, _SettingError):
        return (error.key,)
    errors = getattr(error, "errors", None)  # a ValidationError of pydantic, which nobody imports here
    found = errors() if callable(errors) else ()
    return tuple(found[0]["loc"]) if found else ()


def said(error: BaseException) -> str:
    """The kind of ``error`` and what it says, in one line."""
    lines = " ".join(str(error).split())
    kind = "ValueError" if isinstance(error, _SettingError) else type(error).__name__
    return f"{kind}: {lines}" if lines else kind


def _name(kind: Any) -> str:
    return str(getattr(kind, "__qualname__", kind))


def _filled(model: Any, model_name: str, given: Mapping[str, Any]) -> Any:
    """A dataclass of ``given``, each with the type that the field has, where that is one of Python itself."""
    if not dataclasses.is_dataclass(model) or not isinstance(model, type):
        raise TypeError(f"{model_name} is neither a dataclass nor a model of pydantic")
    known = {one.name: one for one in dataclasses.fields(model) if one.init}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise _SettingError(unknown[0], f"there is no {unknown[0]!r}; known are {', '.join(known) or 'none'}")
    hints = typing.get_type_hints(model)
    return model(**{name: _typed(name, hints[name], value) for name, value in given.items()})


def _typed(name: str, hint: Any, value: Any) -> Any:
    """``value`` if it is of the type ``hint``; a whole number is a float where one is wanted."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    kinds = [typing.get_origin(one) or one for one in options]
    if typing.Literal in kinds:
        options = typing.get_args(hint)
        if value not in options:
            raise _SettingError(name, f"{name}: expected {' or '.join(map(repr, options))}, got {value!r}")
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
    raise _SettingError(name, f"{name}: expected {wanted}, got {value!r}")

"""``fastgw plugins``: which code of others is there, and where does it come from?  None of it is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions, packages_distributions
from importlib.util import find_spec
from typing import NamedTuple

from fastgw import plugins as code
from fastgw.errors import ConfigError


class Listed(NamedTuple):
    """One plugin."""

    group: str  #: of entry points
    name: str  #: of the entry point, or where the configuration names the code
    code: str  #: module:Class
    package: str  #: of which it is, or the file of the module; empty: that is not known
    version: str  #: of the package


def plugins(file: str | None, *, as_json: bool) -> int:
    """Print the entry points of installed packages, and what ``file`` names by module:Class; return 0, or 1: the file is wrong."""
    try:
        named = [] if file is None else list(_named(file))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    installed = sorted(_installed())
    if as_json:
        import json

        told = {"installed": [one._asdict() for one in installed]}
        print(json.dumps(told | ({} if file is None else {"named": [one._asdict() for one in named]}), indent=2))
        return 0
    print(*_table(installed, "no installed package has a plugin"), sep="\n")
    if file is not None:
        print("", file, *_table(named, "names no code by module:Class"), sep="\n")
    return 0


def _installed() -> Iterator[Listed]:
    for one in distributions():
        for entry in one.entry_points:
            if entry.group in code.GROUPS:
                yield Listed(entry.group, entry.name, entry.value, one.metadata["Name"], one.version)


def _named(file: str) -> Iterator[Listed]:
    from fastgw.config.load import load
    from fastgw.config.spec import PLUGIN

    spec = load(file, os.environ)
    code.look_in(os.path.dirname(spec.source))
    chained = [(f"filters.{one.name}", one) for one in spec.filters]
    chained += [(f"{one.name}: {two.name}", two) for one in spec.routes for two in one.transformers]
    found = [(path, dict(one.options)) for path, one in chained if one.made_by == PLUGIN]
    named = [(str(one["group"]), path, str(one["reference"])) for path, one in found]
    named += [
        (code.SERVICES, f"services.{one.name}", one.inside.reference) for one in spec.services if one.inside is not None
    ]
    owners = packages_distributions()
    for group, path, reference in dict.fromkeys(named):
        if ":" in reference:
            yield Listed(group, path, reference, *_origin(reference, owners))


def _origin(reference: str, owners: Mapping[str, list[str]]) -> tuple[str, str]:
    """The package and version that has the module, or else its file."""
    top = reference.partition(":")[0].partition(".")[0]
    names = owners.get(top, [])
    if names:
        return names[0], Distribution.from_name(names[0]).version
    spec = find_spec(top)  # of the outermost package alone: for one inside, Python would import it
    return (spec.origin or "") if spec is not None else "", ""


def _table(rows: list[Listed], without: str) -> list[str]:
    if not rows:
        return [without]
    lines = [("GROUP", "NAME", "CODE", "FROM"), *((one.group, one.name, one.code, _from(one)) for one in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return ["  ".join([*map(str.ljust, line, widths), line[3]]).rstrip() for line in lines]


def _from(one: Listed) -> str:
    return f"{one.package} {one.version}".strip() or "not found"

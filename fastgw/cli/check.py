"""``fastgw check``: is this file a configuration, and is it what was meant?"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence, Sized
from typing import TYPE_CHECKING

from fastgw.errors import ConfigError
from fastgw.server.user import Descent

if TYPE_CHECKING:
    from fastgw.cli.online import Online
    from fastgw.config.load import Inspection
    from fastgw.config.source import Problem
    from fastgw.config.spec import GatewaySpec, UserSpec
    from fastgw.config.trust import TrustRules


def check(
    file: str,
    *,
    as_json: bool,
    is_strict: bool = False,
    is_offline: bool = False,
    is_online: bool = False,
    is_importing: bool = True,
    trust: str | None = None,
) -> int:
    """Print what is wrong with ``file`` (stderr, or stdout as JSON); return 0 when it is fine, else 1.

    ``file``: ``-`` is standard input.  ``is_strict``: warnings count as mistakes.  ``is_offline``: names are not resolved.
    ``is_online``: registries and all else that it refers to are tried too.  ``is_importing``: the code that it names is imported.
    ``trust``: a file that says how far a configuration from elsewhere is trusted; ``file`` is looked at as such a one.
    """
    from fastgw.config.load import inspect

    resolve = None if is_offline else _resolve
    try:
        rules = _rules(trust) if trust is not None else None
        found = inspect(file, os.environ, time.time(), resolve, is_importing=is_importing, become=_become, trust=rules)
    except ConfigError as error:
        found = _unusable(file, error)
    if found.spec is not None and not is_offline:
        found = _on_this_machine(file, found, found.spec)
    online = _looked(found) if is_online else None
    if online is not None:
        found = found._replace(problems=online.problems, warnings=[*found.warnings, *online.warnings])
    is_fine = found.spec is not None and not found.problems and not (is_strict and found.warnings)
    if as_json:
        import json

        told = [*_records(found.problems, "error"), *_records(found.warnings, "warning")]
        tried = {"references": online.records} if online is not None else {}
        print(json.dumps({"file": file, "ok": is_fine, "problems": told, **tried}, indent=2))
        return 0 if is_fine else 1
    if online is not None:
        print(*online.fine, sep="\n", end="\n" if online.fine else "")
    for problem in found.problems:
        print(problem, *([problem.excerpt] if problem.excerpt else []), sep="\n", file=sys.stderr)
    for warning in found.warnings:
        print(_labelled(warning), file=sys.stderr)
    name = "<stdin>" if file == "-" else file
    print(f"{name}: {_summary(found, is_strict)}", file=sys.stdout if is_fine else sys.stderr)
    return 0 if is_fine else 1


def _looked(found: Inspection) -> Online | None:
    """What there is of everything that the file refers to; nothing of one that cannot be used."""
    if found.spec is None or found.document is None:
        return None
    from fastgw.cli.online import look

    return look(found.spec, found.document)


def _on_this_machine(file: str, found: Inspection, spec: GatewaySpec) -> Inspection:
    """``found``, with what is missing here for what it asks for."""
    from fastgw.config.source import Problem
    from fastgw.server import machine

    if problem := machine.unpinnable(spec.cpu_affinity):
        return found._replace(spec=None, problems=[Problem(0, 0, "", problem, file)])
    warning = machine.open_files(spec).warning
    return found._replace(warnings=[*found.warnings, Problem(0, 0, "listeners", warning, file)]) if warning else found


def _rules(trust: str) -> TrustRules:
    from fastgw.config.trust import read_trust

    return read_trust(trust, os.environ)


def _become(user: UserSpec) -> None:
    """Look at everything as the user that the gateway will be: what is readable for root alone is found."""
    descent = Descent(())
    descent.become(user)
    descent.finish()


def _unusable(file: str, error: ConfigError) -> Inspection:
    from fastgw.config.load import Inspection
    from fastgw.config.source import Problem

    return Inspection(None, [Problem(0, 0, "", problem, file) for problem in error.problems], [])


def _resolve(names: Sequence[str], servers: Sequence[str]) -> Mapping[str, str]:
    from fastgw.cli.names import unresolved  # an event loop and c-ares, which a file without names does not need

    return unresolved(names, servers)


def _records(problems: Sequence[Problem], severity: str) -> list[dict[str, object]]:
    return [
        {"severity": severity, "line": one.line, "column": one.column, "path": one.path, "message": one.message}
        for one in problems
    ]


def _labelled(warning: Problem) -> str:
    """``file:line:column: warning: path: message``, which editors know how to read."""
    return str(warning._replace(path=f"warning: {warning.path}"))


def _summary(found: Inspection, is_strict: bool) -> str:
    warnings = [_count(found.warnings, "warning")] if found.warnings else []
    spec = found.spec
    if spec is None:
        return ", ".join([_count(found.problems, "mistake"), *warnings])
    if found.problems:
        return ", ".join([f"{_count(found.problems, 'reference')} cannot be used", *warnings])
    if warnings and is_strict:
        return f"{warnings[0]}, which --strict counts as mistakes"
    parts = [_count(spec.listeners, "listener"), _count(spec.routes, "route"), _count(_services(spec), "service")]
    return f"fine ({', '.join([*parts, *warnings])})"


def _services(spec: GatewaySpec) -> set[str]:
    """As the file has them: versions are one."""
    of = {one.service: found.name for found in spec.versioned for one in found.versions}
    return {of.get(one.name, one.name) for one in spec.services}


def _count(things: Sized, name: str) -> str:
    return f"{len(things)} {name}" + ("" if len(things) == 1 else "s")

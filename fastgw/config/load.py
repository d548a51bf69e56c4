"""Read a configuration file: the only way in.  Everything wrong with it is told at once, each thing with its line.

    file:line:column: path.to.key: what is wrong; did you mean 'x'?

Stages: text -> tree (``source``) -> models (``schema``) -> references (``check``) -> specification (``build``).
A stage that finds problems does not keep the next ones from looking at what is sound.  Beside the problems there are
warnings (``warn``): of what can be used, but is hardly meant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import ValidationError

from fastgw.config.build import build
from fastgw.config.check import check
from fastgw.config.explain import translate
from fastgw.config.imports import check_imports
from fastgw.config.loaded_files import LoadedFiles
from fastgw.config.schema import Configuration
from fastgw.config.source import Document, Problem
from fastgw.config.spec import GatewaySpec, UserSpec
from fastgw.config.user import check_user, user_of
from fastgw.config.warn import Resolve, warn
from fastgw.errors import ConfigError

if TYPE_CHECKING:
    from fastgw.config.trust import TrustRules

MOST_PROBLEMS: Final = 100  #: told at once; what is behind them follows from them as a rule
STANDARD_INPUT: Final = "-"


class Inspection(NamedTuple):
    """What a file is: its specification, None if it has problems; each kind sorted by line."""

    spec: GatewaySpec | None
    problems: list[Problem]
    warnings: list[Problem]
    document: Document | None = None  #: which knows the places of what is found later; None where there are problems


def load(
    path: Path | str,
    environ: Mapping[str, str],
    now: float = 0.0,
    tell: Callable[[list[str]], None] | None = None,
    become: Callable[[UserSpec], None] | None = None,
    loaded_files: LoadedFiles | None = None,
    content: bytes | None = None,
    trust: TrustRules | None = None,
) -> GatewaySpec:
    """The configuration in ``path``, with ``${NAME}`` taken from ``environ``.

    ``now``: seconds since 1970, for the warnings that ``tell`` is called with, if there are any.  ``become``: called with the user that
    the file names as soon as it is known, so that everything else is looked at as that user; what it raises ends the reading.
    ``loaded_files``: learns what is read, also of a configuration that cannot be used.  ``content``: as for ``inspect``.
    ``trust``: how far it is trusted; None: as the operator, who has written it.

    Raises:
        ConfigError: it cannot be used; ``problems`` has every reason, sorted by line.
    """
    more: dict[str, Any] = {"become": become, "loaded_files": loaded_files, "content": content, "trust": trust}
    spec, problems, warnings, _ = inspect(path, environ, now, **more)
    if spec is None:
        raise ConfigError([str(problem) for problem in problems])
    if warnings and tell is not None:
        tell([str(warning) for warning in warnings])
    return spec


def inspect(
    path: Path | str,
    environ: Mapping[str, str],
    now: float = 0.0,
    resolve: Resolve | None = None,
    *,
    is_importing: bool = False,
    become: Callable[[UserSpec], None] | None = None,
    loaded_files: LoadedFiles | None = None,
    content: bytes | None = None,
    name: str = "",
    trust: TrustRules | None = None,
) -> Inspection:
    """What ``load`` does, with everything that was found as data.

    ``path``: ``-`` is standard input.  ``resolve``: looks the host names up; without it nobody asks whether they exist.
    ``become``: as for ``load``; without it nobody asks whether this process could be the user that the file names.
    ``is_importing``: the code that the file names is imported, to see whether it is there and takes its settings and options.
    ``loaded_files``: learns what is read.  ``content``: what is taken to stand in ``path``, which is not read; None: what stands there.
    ``name``: what problems call it, if not by its path.  ``trust``: as for ``load``; of what is not trusted no file is opened.
    """
    is_stream = str(path) == STANDARD_INPUT
    path = Path(path)
    against = trust.against_variable if trust is not None else None
    document = Document(name or ("<stdin>" if is_stream else str(path)), environ, against)
    if content is None and not is_stream:
        document.read(path)
    else:
        document.read_stream(sys.stdin.buffer if content is None else BytesIO(content))
    source, loaded_files = str(path.absolute()), None if is_stream else loaded_files  # a stream can be read once
    if document.tree is None:
        if loaded_files is not None:
            loaded_files.take(source, document.content)
        return Inspection(None, _sorted(document), [])
    if become is not None and trust is None and (user := user_of(document.tree)) is not None:
        become(user)
    files: dict[str, None] = {}
    context: dict[str, object] = {"base": str(path.absolute().parent), "files": files}
    try:
        config = Configuration.model_validate(document.tree, context=context)
    except ValidationError as error:
        translate(document, error)
    if document.problems:
        config = Configuration.model_validate(document.tree, context=context | {"is_lenient": True})
    if trust is not None and not _is_trusted(document, config, trust):
        return Inspection(None, _sorted(document), [])
    if loaded_files is not None:  # the checks are the first to open one of them
        loaded_files.take(source, document.content, files, is_wanted=getattr(config.reload, "watch", False) is True)
    check(document, config)
    if become is not None:
        check_user(document, config.user, "" if is_stream else str(path))
    if is_importing:
        check_imports(document, config, str(path.absolute().parent))
    warn(document, config, now, resolve)
    warnings = sorted(set(document.warnings))[:MOST_PROBLEMS]
    if document.problems:
        return Inspection(None, _sorted(document), warnings)
    return Inspection(build(config, source, environ), [], warnings, document)


def _is_trusted(document: Document, config: Configuration, trust: TrustRules) -> bool:
    from fastgw.config.trusted import check_trusted  # which a file of the operator does not need

    before = len(document.problems)
    check_trusted(document, config, trust)
    return len(document.problems) == before


def _sorted(document: Document) -> list[Problem]:
    problems = sorted(set(document.problems))
    kept = problems[:MOST_PROBLEMS]
    left = len(problems) - len(kept) + document.untold
    if left:
        kept.append(Problem(0, 0, "", f"{left} more problems are not shown", document.file))
    return kept

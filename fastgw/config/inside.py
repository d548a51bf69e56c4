"""What the file says of services that are code in this process.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import os
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

from fastgw.config.answers import json_text
from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Duration, Parsed, count, size, words
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.config.values import kind, scalar, shown
from fastgw.core.settings import BatchSettings, InsideSettings

KINDS: Final = ("python", "app", "asgi")  #: keys that name code
_ABOUT: Final = ("settings", "run", "workers", "queue", "max_input", "root_path", "batch")  #: keys that say more of it
#: Of those, keys that say nothing of the other kinds.
_NOT_OF: Final = {
    "python": ("root_path",),
    "app": ("settings", "run", "root_path", "batch"),
    "asgi": ("settings", "run", "batch"),
}
_ELSEWHERE: Final = (
    "balance",
    "hash",
    "prefix",
    "affinity",
    "engine",
    "model_lists",
    "endpoint_picker",
    "subset",
    "spill_below",
    "slow_start",
    "pool",
    "tls",
    "host",
    "credentials",
    "retry",
    "hedge",
    "ejection",
    "panic_below",
)  #: keys of connections, of which there are none

_MODULE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*")


def code_name(value: object) -> str:
    """Parser of what names code."""
    found = scalar(value, "module:name, or the name of an entry point")
    if _MODULE.fullmatch(found) is None and _WORD.fullmatch(found) is None:
        raise ValueError(f"expected module:name, or the name of an entry point, got {shown(value)}")
    return found


def _root_path(value: object) -> str:
    """Parser of the beginning of paths."""
    found = scalar(value, "a path")
    if found and (not found.startswith("/") or found.endswith("/")):
        raise ValueError(f"expected a path that begins with '/' and does not end so, such as /api, got {shown(value)}")
    return found


def _settings(value: object) -> object:
    """Parser of a mapping of anything: as JSON."""
    if not isinstance(value, dict):
        raise ValueError(f"expected a mapping, got {kind(value)}")
    return json_text(value)


class Batch(Model):
    """How calls that come at the same time are gathered."""

    max: Annotated[int, count(1, 10_000)] = setting(32, "Calls of a batch.")
    wait: Duration = setting("5ms", "How long the first of them waits for others.")


class Inside(Model):
    """What a service has that is code in this process."""

    python: Annotated[str, Parsed(code_name, type="string")] | None = setting(
        None, "module:Class of a service in this process, or its entry point. Either this, or endpoints."
    )
    app: Annotated[str, Parsed(code_name, type="string")] | None = setting(
        None, "module:name of a fastgw.App in this process, or its entry point."
    )
    asgi: Annotated[str, Parsed(code_name, type="string")] | None = setting(
        None, "module:name of an ASGI application in this process, or its entry point."
    )
    settings: Annotated[bytes, Parsed(_settings, type="object")] = setting({}, "What the class is made with.")
    run: Annotated[str, words("auto", "loop", "thread", "process")] = setting(
        "auto", "Where it runs. auto: async def on the loop, def in a thread."
    )
    workers: Annotated[int, count(1, 1000)] | None = setting(
        None, "Calls at one time, in each worker. Default: 64 on the loop, 8 threads, 1 process, 1000 of ASGI."
    )
    queue: Annotated[int, count(0, 1_000_000)] = setting(64, "Calls that wait for that; more are answered 503.")
    max_input: Annotated[int, size(0, 1 << 30)] = setting(
        "1MiB", "Bytes of a request body that it is called with (413); of ASGI those of a WebSocket message (1009)."
    )

    root_path: Annotated[str, Parsed(_root_path, type="string")] = setting(
        "", "Where an ASGI application is mounted, such as /api. Default: nowhere."
    )
    batch: Batch | None = setting(None, "Gather calls for execute_batch. Default: each is a call of execute.")

    @property
    def about_code(self) -> Sequence[str]:
        """The keys that name code, and say more of it."""
        return (*KINDS, *_ABOUT)

    @property
    def kind(self) -> str:
        """The key that names the code, or empty."""
        return next((one for one in KINDS if getattr(self, one)), "")

    def inside(self, folder: str) -> InsideSettings | None:
        """As the data plane gets it; ``folder``: of the configuration."""
        if not self.kind:
            return None
        rest = {name: getattr(self, name) for name in _ABOUT if name not in ("settings", "batch")}
        rest["batch"] = None if self.batch is None else BatchSettings(self.batch.max, self.batch.wait)
        reference = str(getattr(self, self.kind))
        return InsideSettings(kind=self.kind, reference=reference, folder=folder, settings_json=self.settings, **rest)

    def check_inside(self, document: Document, where: TreePath, endpoints: Sequence[object], discovery: object) -> None:
        """Report keys that stand beside others which leave them nothing to say, and that there is neither code nor ``endpoints`` nor
        ``discovery``."""
        given = [name for name in KINDS if not is_missing(getattr(self, name))]
        if not given:
            for name in _ABOUT:
                if document.at((*where, name)) is not None:
                    document.report((*where, name), f"has no effect without {' or '.join(KINDS)}", at_key=True)
            if is_missing(endpoints) and is_missing(discovery):
                is_there = document.at((*where, "endpoints")) is not None
                reason = "is empty; it needs at least one entry" if is_there else "is required"
                document.report((*where, "endpoints"), reason)
            return
        for other in given[1:]:
            document.report((*where, other), f"stands beside {given[0]}; give one of them", at_key=True)
        for name in _NOT_OF[given[0]]:
            if document.at((*where, name)) is not None:
                document.report((*where, name), f"has no effect with {given[0]}", at_key=True)
        for name in ("endpoints", "discovery"):
            if document.at((*where, name)) is not None:
                document.report((*where, name), f"stands beside {given[0]}; give one of them", at_key=True)
        for name in _ELSEWHERE:
            if document.at((*where, name)) is not None:
                document.report(
                    (*where, name), f"has no effect with {given[0]}, to which no connection leads", at_key=True
                )


def check_code(document: Document, services: Iterable[tuple[TreePath, Inside]], folder: str) -> None:
    """Import the code that ``services``, each with its place, name, and report what cannot be used, with what it says itself."""
    for where, service in services:
        if is_unsound(service) or is_unsound(*(getattr(service, one) for one in (*KINDS, "settings", "run", "batch"))):
            continue
        inside = service.inside(os.path.abspath(folder))
        if inside is not None:
            _import(document, where, inside)


def _import(document: Document, where: TreePath, inside: InsideSettings) -> None:
    import orjson

    from fastgw import plugins
    from fastgw.adapters.instance import found_by

    key = inside.kind
    try:
        found, _ = found_by(inside)
        if key != "python":
            return
        key = "settings" if document.at((*where, "settings")) is not None else key
        plugins.settings_of(found, orjson.loads(inside.settings_json))
    except plugins.PluginError as error:
        document.report((*where, key), str(error))

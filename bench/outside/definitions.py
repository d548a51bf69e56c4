"""How a gateway is defined for the other harness: a directory with ``definition.json`` and templates of its configuration.

Placeholders are those that it fills in (``{GW_PORT}``, ``{MOCK_PORT}`` ...); a doubled brace is a brace.  A gateway that it
starts from an image (``"kind": "docker"``) is started here from the program that is installed: its mounts say where the
image has the files that are written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench.macro.errors import BenchError
from bench.macro.peers.base import Launch

FILE = "definition.json"
HOME = "openai"  #: the dialect of the service that ``model`` leads to
_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Definition:
    """What is used of it."""

    name: str
    display: str
    port: int
    path: str
    model: str
    auth: str
    directory: Path
    kind: str  #: docker or native
    config_files: tuple[tuple[str, str], ...] = ()  #: template, and what is written of it
    binaries: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    mounts: Mapping[str, str] = field(default_factory=dict)  #: path in the image -> file of the directory
    models: Mapping[str, str] = field(default_factory=dict)  #: dialect of the service -> the model that leads there
    constants: Mapping[str, str] = field(default_factory=dict)

    def model_for(self, dialect: str) -> str:
        """The model that leads to a service of a dialect."""
        return fill(self.models.get(dialect, self.model), {"GW_MODEL": self.model, **self.constants})

    def leads(self, ingress: str, egress: str) -> bool:
        """A model leads clients of one dialect to a service of the other; without one of its own it is passed on at most."""
        return ingress == egress or egress == HOME or egress in self.models

    def launch(self, port: int, service: int, cores: str = "0", program: str = "") -> Launch:
        """Write its configuration and say how it is started on ``port`` in front of the service.

        ``program`` stands for an image.  BenchError for a placeholder that nobody fills, and without a program.
        """
        number = str(len(expand(cores)))
        values = {
            "GW_PORT": str(port),
            "MOCK_PORT": str(service),
            "GW_MODEL": self.model,
            "GW_AUTH": self.auth,
            "GW_DIR": str(self.directory),
            "CORES": cores,
            "NCORE": number,
        }
        values |= {name: fill(value, {**self.constants, **values}) for name, value in self.constants.items()}
        for template, output in self.config_files:
            text = (self.directory / template).read_text(encoding="utf-8")
            (self.directory / output).write_text(fill(text, values), encoding="utf-8")
        found = (
            [program]
            if program
            else [str(path) for name in self.binaries if os.access(path := self.directory / name, os.X_OK)]
        )
        if not found:
            raise BenchError(f"{self.name}: none of {', '.join(self.binaries) or 'no program'} is here")
        paths = {inside: str(self.directory / name) for inside, name in self.mounts.items()}
        args = [paths.get(word, word) for word in (fill(word, values) for word in self.args)]
        return Launch((found[0], *args), {name: fill(value, values) for name, value in self.env}, cwd=self.directory)


def fill(template: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled in.  BenchError for one that is not known: it would start something else."""

    def one(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return found[0][0]
        if name not in values:
            raise BenchError(f"{{{name}}} is no placeholder; there are {', '.join(values)}")
        return values[name]

    return _PLACE.sub(one, template)


def expand(cores: str) -> list[int]:
    """``0-3`` or ``0,2`` as a list.  ValueError for anything else."""
    found: list[int] = []
    for part in cores.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def parse(document: Mapping[str, Any], directory: Path) -> Definition:
    """A definition out of its JSON.  BenchError for what is missing."""
    launch = document.get("launch") or {}
    try:
        return Definition(
            name=document["name"],
            display=document.get("display") or document["name"],
            port=int(document["port"]),
            path=document["path"],
            model=document["model"],
            auth=document["auth"],
            directory=directory,
            kind=launch.get("kind", ""),
            config_files=tuple((one["template"], one["output"]) for one in document.get("config_files", ())),
            binaries=tuple(launch.get("binary", ())),
            args=tuple(launch.get("args", ())),
            env=tuple((name, value) for name, value in launch.get("env", ())),
            mounts={one["container_path"]: one["host_path"] for one in launch.get("mounts", ())},
            models=document.get("egress_models") or {},
            constants=document.get("constants") or {},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BenchError(f"{directory / FILE}: no definition of a gateway: {error!r}") from None


def load(directory: Path) -> Definition:
    """The definition of a directory.  BenchError when there is none."""
    path = directory / FILE
    try:
        document = orjson.loads(path.read_bytes())
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise BenchError(f"{path}: {error}") from None
    return parse(document, directory)


def save(document: Mapping[str, Any], files: Mapping[str, str], directory: Path) -> Definition:
    """Write a definition and its templates, as they would stand under ``gateways/`` of a checkout."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / FILE).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    return parse(document, directory)

"""Configurations for the tests of this folder, and what ``load`` says of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastgw.config.load import load
from fastgw.config.spec import GatewaySpec
from fastgw.errors import ConfigError

MINIMAL = """\
listeners:
  - address: 127.0.0.1:18080
routes:
  - {path: /*, service: a}
services:
  a: {endpoints: ["127.0.0.1:19000"]}
"""

PER = "route, listener, filter, address, api_key, header:<name>, claim:<name> or note:<name>"  #: what a limit may count


def read(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> GatewaySpec:
    """Load ``text`` as ``gw.yaml`` in ``folder``."""
    path = folder / "gw.yaml"
    path.unlink(missing_ok=True)  # ext4 has who writes a file again wait for the disk
    path.write_text(text, encoding="utf-8", newline="")
    return load(path, environ or {})


def problems(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """What is wrong with ``text``, without the name of the file; [] when nothing is."""
    try:
        read(folder, text, environ)
    except ConfigError as error:
        return [line.removeprefix(f"{folder / 'gw.yaml'}:") for line in error.problems]
    return []


def with_route(keys: str) -> str:
    """A configuration with one more key in its route."""
    return MINIMAL.replace("service: a}", f"service: a, {keys}}}")


def with_listener(lines: str) -> str:
    """A configuration with more keys in its listener."""
    return MINIMAL.replace("18080\n", "18080\n" + "".join(f"    {line}\n" for line in lines.splitlines()))


def with_service(keys: str) -> str:
    """A configuration with more keys in its service."""
    return MINIMAL.replace('19000"]}', f'19000"], {keys}}}')

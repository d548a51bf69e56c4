"""This checkout into .venv, with the pinned releases of what it needs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from processes import ROOT, Failure, running
from stack import INSTALLED

VENV = ROOT / ".venv"
STAMP = VENV / ".fastgw-demo"
SOURCES = ("*.py", "*.pyx", "*.pxd", "*.c", "*.h")
PINNED = "constraints/demo.txt"
NO_NETWORK = re.compile(
    r"name resolution|Failed to establish a new connection|Network is unreachable|Connection refused|Max retries"
    r"|ConnectTimeout|ReadTimeout|ProxyError|from versions: none|No route to host|Could not fetch URL",
)
NO_COMPILER = re.compile(r"(gcc|cc|clang)\S*['\"]? failed|Python\.h: No such file|unable to execute '?\S*cc")


def fingerprint() -> str:
    """What was installed: the Python, the project file and every source of the package, with or without a compiler."""
    total = hashlib.sha256(f"{sys.version}\n{VENV}\n{has_compiler()}\n".encode())
    paths = [ROOT / name for name in ("pyproject.toml", "setup.py", "setup.cfg", PINNED) if (ROOT / name).exists()]
    for pattern in SOURCES:
        paths += sorted((ROOT / "fastgw").rglob(pattern))
    for path in paths:
        total.update(f"{path.relative_to(ROOT)}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def has_compiler() -> bool:
    """Whether a C compiler is there; without one the gateway runs as pure Python."""
    return shutil.which(os.environ.get("CC", "cc").split()[0]) is not None


def is_editable() -> bool:
    """Whether a developer has installed this checkout as editable; the demo leaves it so."""
    try:
        url = json.loads(metadata.distribution("fastgw").read_text("direct_url.json") or "{}")
    except metadata.PackageNotFoundError:
        return False
    return bool(url.get("dir_info", {}).get("editable"))


def install() -> None:
    """The pinned releases, then this checkout into .venv, unless nothing has changed since the last time.  Raises ``Failure``."""
    wanted = fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted and Path(*INSTALLED).exists():
        return
    print("demo: installing into .venv (a few minutes the first time, most of it compiling)", flush=True)
    if not has_compiler():
        print("demo: without a C compiler the gateway runs as pure Python, slower: sudo apt-get install gcc libc6-dev")
    checkout = ["--no-deps", "--no-build-isolation", *(["--editable"] if is_editable() else []), "."]
    pip_install(Path(sys.executable), ["--require-hashes", "-r", PINNED], checkout)
    STAMP.write_text(wanted)


def pip_install(python: Path, *targets: Sequence[str]) -> None:
    """Have pip install each of the targets into the environment of ``python``, which keeps what it said.  Raises ``Failure``."""
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--retries", "2", "--timeout", "15"]
    log = python.parents[1] / "demo-install.log"
    log.unlink(missing_ok=True)
    for target in targets:
        with running([*pip, *target], 1200.0) as (output, errors, status), log.open("a", encoding="utf-8") as said:
            said.write(f"{output}\n{errors}\n")
        if status:
            raise Failure(why_not_installed(output + errors, log))


def why_not_installed(said: str, log: Path) -> str:
    """One sentence about what pip has said."""
    if NO_COMPILER.search(said):
        return "a C compiler is missing: run 'sudo apt-get install gcc libc6-dev python3-dev', then scripts/demo again."
    if NO_NETWORK.search(said):
        return (
            "pip cannot reach the package index: check the network (or PIP_INDEX_URL and HTTPS_PROXY), "
            f"then run scripts/demo again; {log} has what pip said."
        )
    return f"pip could not install the package: {log} has what it said."

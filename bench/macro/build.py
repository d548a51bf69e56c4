"""Compile the benchmark's own C and Go programs, once per source text and compiler."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from bench.macro.errors import BenchError
from bench.macro.paths import BUILD, MACRO
from bench.macro.process import clean_environment

NATIVE = MACRO / "native"
GO_SOURCES = MACRO / "peers" / "go"
GO_ENVIRONMENT = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "CGO_ENABLED": "0"}


def native_program(name: str) -> Path:
    """The compiled ``native/NAME.c``.  BenchError without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchError("no C compiler (cc): the service and the load generators of the benchmark need one")
    source = NATIVE / f"{name}.c"
    text = source.read_bytes() + b"".join(path.read_bytes() for path in sorted(NATIVE.glob("*.h")))
    return _built(name, text, [compiler, "-O2", "-std=gnu11", str(source), "-lm", "-o"], {})


def go_program(name: str) -> Path:
    """The compiled ``peers/go/NAME.go``.  BenchError when it does not build."""
    compiler = shutil.which("go")
    if compiler is None:
        raise BenchError("no Go compiler (go)")
    source, shared = GO_SOURCES / f"{name}.go", GO_SOURCES / "shared.go"
    cache = {"GOCACHE": str(BUILD / "go-cache")}
    command = [compiler, "build", "-o", "@", str(source), str(shared)]
    return _built(name, source.read_bytes() + shared.read_bytes(), command, {**GO_ENVIRONMENT, **cache})


def _built(name: str, text: bytes, command: list[str], env: dict[str, str]) -> Path:
    """Run the compiler, with the program's path at ``@`` or at the end, unless that text was built before."""
    BUILD.mkdir(exist_ok=True)
    program = BUILD / f"{name}-{hashlib.sha256(text).hexdigest()[:12]}"
    if program.exists():
        return program
    partial = program.with_suffix(f".{os.getpid()}")
    argv = [str(partial) if word == "@" else word for word in command]
    if argv == command:
        argv.append(str(partial))
    done = subprocess.run(argv, capture_output=True, text=True, env={**clean_environment(), **env}, check=False)
    if done.returncode != 0:
        raise BenchError(f"cannot build {name}:\n{done.stderr.strip()[-1500:]}")
    partial.rename(program)
    return program

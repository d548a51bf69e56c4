"""The optional C extensions; everything else is in pyproject.toml.

Compiled are ``fastgw/**/*.pyx`` and each ``.py`` that has a ``.pxd`` of C types beside it.  The package works without
them, so a failure here is told and forgotten: the installation goes on as pure Python (``fastgw version`` says which).

    FASTGW_PURE=1      compile nothing
    FASTGW_REQUIRE=1   fail when something does not compile (scripts/build, CI)

It takes two to three minutes of one processor, so it takes all it may use, and says what it is at.  pip shows nothing that
a build prints, unless it is asked to with -v; so this is told to the terminal, where there is one.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
# nonecheck: an attribute of None is an AttributeError in C too, and not a crash of the worker.
# auto_pickle: no object of the data plane leaves its process, and what would pickle them was a twentieth of all C.
DIRECTIVES = {
    "language_level": 3,
    "auto_pickle": False,
    "annotation_typing": False,
    "nonecheck": True,
    "initializedcheck": False,
    "show_performance_hints": False,
}
# Holds what Cython would else give to each module that uses it: memory views alone were a third of all C.  Cython writes its source.
SHARED = "fastgw._shared"
# -g0: what Python itself was built with often asks for debug information, a third of the compiler's time
FLAGS = ["-O3", "-g0", "-fno-semantic-interposition", "-fno-plt"]


def is_set(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def tell(text: str) -> None:
    """Show ``text`` to whoever waits for the build, also where its output is captured."""
    try:
        with open("/dev/tty", "w", encoding="utf-8") as terminal:
            terminal.write(f"fastgw: {text}\n")
    except OSError:  # there is no terminal
        print(f"fastgw: {text}", file=sys.stderr, flush=True)


def processors() -> int:
    """How many this process may use, which is what a container is given of its machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def sources() -> list[Path]:
    """Return what is compiled, relative to the root: each .pyx, and each .py with a .pxd beside it."""
    found = set(ROOT.glob("fastgw/**/*.pyx"))
    for types in ROOT.glob("fastgw/**/*.pxd"):
        if types.with_suffix(".py").exists() and types.with_suffix(".pyx") not in found:
            found.add(types.with_suffix(".py"))
    return sorted(path.relative_to(ROOT) for path in found)


def extensions() -> list[Extension]:
    if is_set("FASTGW_PURE"):
        print("fastgw: FASTGW_PURE is set, nothing is compiled", file=sys.stderr)
        return []
    modules = {".".join(path.with_suffix("").parts): [str(path)] for path in sources()}
    return [
        Extension(
            name,
            files,
            # -Werror: what newer compilers refuse (GCC 14) is an error here too
            extra_compile_args=[*FLAGS, "-Werror=incompatible-pointer-types"],
            optional=True,
        )
        for name, files in {SHARED: [], **modules}.items()
    ]


class OptionalBuildExt(build_ext):
    """Builds all extensions or, when one of them fails, none: half a compiled core is harder to reason about."""

    def build_extensions(self) -> None:
        try:
            from Cython.Build import cythonize

            self.parallel = self.parallel or processors()
            self.told = 0
            self.lock = threading.Lock()
            tell(f"compiling {len(self.extensions)} modules, {self.parallel} at once")
            translated = cythonize(
                self.extensions,
                compiler_directives=DIRECTIVES,
                shared_utility_qualified_name=SHARED,
                build_dir=self.build_temp,
                force=self.force or self.have_types_changed(),
                nthreads=self.parallel,
                quiet=True,
            )
            sources = {extension.name: extension.sources for extension in translated}
            for extension in self.extensions:
                extension.optional = False  # let errors reach the handler below
                extension.sources = sources[extension.name]
            super().build_extensions()
        except (Exception, SystemExit) as error:  # Cython and every compiler driver have their own kinds
            if is_set("FASTGW_REQUIRE"):
                raise
            reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
            print(f"fastgw: the C extensions were not built ({reason[0]}); going on as pure Python", file=sys.stderr)
            self.remove_built()
            self.extensions = []

    def build_extension(self, ext: Extension) -> None:
        """Called by as many threads as there are modules compiled at once."""
        path, began = Path(self.get_ext_fullpath(ext.name)), time.monotonic()
        before = path.stat().st_mtime_ns if path.exists() else None
        super().build_extension(ext)
        with self.lock:
            self.told += 1
            if not path.exists() or path.stat().st_mtime_ns != before:
                seconds = time.monotonic() - began
                tell(f"compiled {ext.name} in {seconds:.1f} s ({self.told} of {len(self.extensions)})")

    def have_types_changed(self) -> bool:
        """Whether a .pxd is younger than what was translated: Cython does not follow ``from package cimport module as name``."""
        translated = [path.stat().st_mtime for path in Path(self.build_temp).rglob("*.c")]
        types = [path.stat().st_mtime for path in ROOT.glob("fastgw/**/*.pxd")]
        return bool(translated) and max(types) > min(translated)

    def remove_built(self) -> None:
        """Delete what was built before the failure, and older builds in the source tree."""
        for extension in self.extensions:
            name = self.get_ext_fullname(extension.name)
            for path in (Path(self.get_ext_fullpath(extension.name)), ROOT / self.get_ext_filename(name)):
                path.unlink(missing_ok=True)


if __name__ == "__main__":  # and not where a process that helps to translate imports this file
    setup(ext_modules=extensions(), cmdclass={"build_ext": OptionalBuildExt})

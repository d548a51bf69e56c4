"""Installing: with a compiler, without one, and pure by wish; scripts/build and its --pure."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.gateway import ROOT

pytestmark = pytest.mark.integration

HOT = '''
"""Hot."""


class Sum:
    def __init__(self) -> None:
        self.total = 0

    def add(self, n: int) -> int:
        self.total += n
        return self.total
'''
TYPES = "cdef class Sum:\n    cdef public int total\n    cpdef add(self, n)\n"
SHOW = """
from importlib.util import find_spec
import fastgw
from fastgw.core.hot import Sum
s = Sum()
s.add(2)
print(fastgw.compiled(), s.add(3), hasattr(s, "__dict__"), find_spec("fastgw.core._scan") is None)
"""
COMPILED = {"fastgw/core/hot", "fastgw/core/_scan", "fastgw/_shared"}
SCAN = "def twice(int n):\n    return n + n\n"


def plant(root: Path) -> Path:
    """A small copy of the project: its build files, the ground of the package, and a module of each compiled kind."""
    (root / "fastgw" / "core").mkdir(parents=True)
    (root / "scripts").mkdir()
    for name in ("pyproject.toml", "setup.cfg", "LICENSE", "scripts/build"):
        shutil.copy(ROOT / name, root / name)
    for name in ("__init__.py", "_pure.py", "errors.py", "py.typed"):
        shutil.copy(ROOT / "fastgw" / name, root / "fastgw" / name)
    setup = (ROOT / "setup.py").read_text()
    assert '"-O3"' in setup
    (root / "setup.py").write_text(setup.replace('"-O3"', '"-O0"'))  # it is the build that is tested, not the code
    (root / "README.md").write_text("# fastgw\n")
    (root / "fastgw" / "core" / "__init__.py").write_text("")
    (root / "fastgw" / "core" / "hot.py").write_text(HOT)
    (root / "fastgw" / "core" / "hot.pxd").write_text(TYPES)
    (root / "fastgw" / "core" / "_scan.pyx").write_text(SCAN)
    return root


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return plant(tmp_path / "tree")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], str]:
    """A wheel of such a tree: the names in it and what was printed."""
    return wheel(plant(tmp_path_factory.mktemp("compiled") / "tree"))


def surroundings(**environment: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FASTGW_")}
    return {**kept, "PYTHON": sys.executable, **environment}


def run(tree: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=tree,
        env=surroundings(**environment),
        capture_output=True,
        text=True,
        check=False,
    )


def on_terminal(tree: Path, *command: str) -> str:
    """Run ``command`` in a terminal of its own; return what was shown there."""
    near, far = pty.openpty()
    attach = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen(
        (sys.executable, "-c", attach, *command),
        cwd=tree,
        env=surroundings(),
        stdin=far,
        stdout=far,
        stderr=far,
        start_new_session=True,
    )
    os.close(far)
    shown = b""
    with contextlib.suppress(OSError), open(near, "rb", buffering=0) as screen:  # ends with EIO
        while data := screen.read(65536):
            shown += data
    assert process.wait() == 0, shown
    return shown.decode()


def wheel(tree: Path, **environment: str) -> tuple[set[str], str]:
    """Build a wheel; return the names in it and what was printed."""
    pip = (sys.executable, "-m", "pip", "wheel", "-v", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", ".")
    done = run(tree, *pip, **environment)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    (path,) = (tree / "dist").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {path.name, *archive.namelist()}, output


def extensions(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names if name.endswith(".so")}


@pytest.mark.needs("cc")
def test_a_compiler_gives_extensions(compiled: tuple[set[str], str]) -> None:
    names, _ = compiled
    assert extensions(names) == COMPILED
    assert {"fastgw/core/hot.py", "fastgw/core/hot.pxd", "fastgw/py.typed"} <= names  # the Python form is there too


def test_no_compiler_gives_python_and_says_so(tree: Path) -> None:
    names, output = wheel(tree, CC="/nonexistent/cc")
    assert extensions(names) == set() and "fastgw/core/hot.py" in names
    assert "going on as pure Python" in output


def test_pure_by_wish(tree: Path) -> None:
    names, output = wheel(tree, FASTGW_PURE="1")
    assert extensions(names) == set() and any(name.endswith("-py3-none-any.whl") for name in names)
    assert "nothing is compiled" in output


def test_a_module_that_does_not_compile_is_no_obstacle_unless_required(tree: Path) -> None:
    (tree / "fastgw" / "core" / "_scan.pyx").write_text("def broken(:\n")
    names, output = wheel(tree)
    assert extensions(names) == set() and "going on as pure Python" in output
    assert run(tree, "scripts/build").returncode != 0


# A compiler that meets the one beside it, if there is one: each writes that it is there, and waits to see two.
TOGETHER = """#!{python}
import os, pathlib, subprocess, sys, time
if "-c" in sys.argv:
    here = pathlib.Path({folder!r})
    (here / str(os.getpid())).touch()
    end = time.monotonic() + 20
    while len(list(here.iterdir())) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    if time.monotonic() >= end:
        sys.exit("alone")
sys.exit(subprocess.call(["cc", *sys.argv[1:]]))
"""


@pytest.mark.needs("cc")
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_a_wheel_is_compiled_by_all_processors(tree: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    seen.mkdir()
    compiler = tmp_path / "cc"
    compiler.write_text(TOGETHER.format(python=sys.executable, folder=str(seen)))
    compiler.chmod(0o755)
    names, output = wheel(tree, CC=str(compiler))
    assert extensions(names) == COMPILED, output


@pytest.mark.needs("cc")
def test_what_is_compiled_is_shown(tree: Path, compiled: tuple[set[str], str]) -> None:
    """On the terminal, although pip captures what a build prints; among that where there is none."""
    _, output = compiled
    assert "fastgw: compiling 3 modules" in output and "fastgw: compiled fastgw.core.hot in " in output
    shown = on_terminal(tree, sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", ".")
    assert "fastgw: compiling 3 modules" in shown
    assert "fastgw: compiled fastgw.core.hot in " in shown and "fastgw.core._scan in " in shown


@pytest.mark.needs("cc")
def test_both_forms_from_one_checkout(tree: Path) -> None:
    built = run(tree, "scripts/build")
    assert built.returncode == 0 and "fastgw._shared fastgw.core._scan fastgw.core.hot" in built.stdout, built.stderr
    assert run(tree, sys.executable, "-c", SHOW).stdout.split() == ["True", "5", "False", "False"]
    assert run(tree, sys.executable, "-c", SHOW, FASTGW_PURE="1").stdout.split() == ["False", "5", "True", "True"]
    assert run(tree, "scripts/build", "--pure").returncode == 0
    assert run(tree, sys.executable, "-c", SHOW).stdout.split() == ["False", "5", "True", "True"]


def test_scripts_build_names_what_is_missing(tree: Path) -> None:
    done = run(tree, "scripts/build", CC="/nonexistent/cc")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "apt-get install gcc" in done.stderr
    assert run(tree, "scripts/build", "--what").returncode == 2


def test_an_editable_install_is_a_path(tree: Path) -> None:
    """And no finder of setuptools, which would find extensions in spite of FASTGW_PURE."""
    build = "from setuptools.build_meta import build_editable; build_editable('dist')"
    done = run(tree, sys.executable, "-c", build, FASTGW_PURE="1")
    assert done.returncode == 0, done.stderr
    (path,) = (tree / "dist").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        files = [name for name in archive.namelist() if ".dist-info/" not in name]
        assert len(files) == 1 and archive.read(files[0]).decode().split() == [str(tree)]

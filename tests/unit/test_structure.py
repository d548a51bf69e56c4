"""The rules of the tree itself: where tests live, how long things may be, what code must not do, where links lead."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LIMIT = 450  #: lines
FUNCTION_LIMIT = 50  #: lines, its decorators and docstring not counted
PACKAGE = sorted(ROOT.glob("fastgw/**/*.py"))
TESTS = sorted(ROOT.glob("tests/**/*.py"))
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "deploy/**/*.md", "bench/**/*.md", "tests/**/*.md")
    for page in ROOT.glob(pattern)
    if not any(part.startswith(".") for part in page.relative_to(ROOT).parts)
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@dataclass
class Source:
    """What is asked about a module.  It is read once, and its tree is not kept: all of them are some hundred megabytes."""

    imported: set[str] = field(
        default_factory=set
    )  #: names that may be those of modules which it imports, anywhere in it
    long: list[str] = field(default_factory=list)  #: functions
    silent: list[str] = field(default_factory=list)  #: public things without a docstring
    sleeps: list[int] = field(default_factory=list)  #: lines
    swallows: list[int] = field(default_factory=list)  #: lines
    words: list[str] = field(default_factory=list)  #: classes, and other names for types
    tells: str | None = None  #: its docstring


@cache
def source(path: Path) -> Source:
    tree = ast.parse(path.read_text(), str(path))
    found = Source(tells=ast.get_docstring(tree), words=list(words(tree)))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found.imported |= {alias.name for alias in node.names}
        elif isinstance(node, Function) and length(node) > FUNCTION_LIMIT:
            found.long.append(f"{node.lineno} {node.name}: {length(node)}")
        elif isinstance(node, ast.ExceptHandler) and swallows(node):
            found.swallows.append(node.lineno)
        elif isinstance(node, ast.Call) and sleeps(node):
            found.sleeps.append(node.lineno)
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node):
            found.silent.append(f"{node.lineno} {node.name}")
    return found


def told(paths: Iterable[Path], what: str) -> list[str]:
    """Where in ``paths`` there is something that the attribute ``what`` of a Source lists."""
    return [f"{name_of(path)}:{one}" for path in paths for one in getattr(source(path), what)]


def is_code(path: Path) -> bool:
    """Does the module do anything: more than its docstring, imports and names?"""
    body = ast.parse(path.read_text()).body
    return any(not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr | ast.Assign) for node in body)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def length(function: Function) -> int:
    """Lines of the function from ``def`` to its end, without its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def swallows(handler: ast.ExceptHandler) -> bool:
    """Is it ``except:``, or ``except Exception: pass``?"""
    if handler.type is None:
        return True
    is_wide = isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException")
    return is_wide and all(isinstance(node, ast.Pass | ast.Continue) for node in handler.body)


def sleeps(call: ast.Call) -> bool:
    """Does it let time pass?  ``asyncio.sleep(0)``, a turn of the loop, does not."""
    function = call.func
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    if name != "sleep" or ast.unparse(function) not in ("time.sleep", "sleep", "asyncio.sleep"):
        return False
    return not (call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0)


def test_every_package_is_one() -> None:
    folders = {path.parent for path in PACKAGE}
    assert not [name_of(folder) for folder in folders if not (folder / "__init__.py").exists()]


def test_every_module_has_its_own_test_module() -> None:
    missing = []
    for path in PACKAGE:
        inside = path.relative_to(ROOT / "fastgw")
        if path.name in ("__init__.py", "__main__.py") and not is_code(path):
            continue
        name = f"test_{inside.stem}.py" if path.name != "__init__.py" else "test_init.py"
        if not (ROOT / "tests" / "unit" / inside.parent / name).exists():
            missing.append(f"tests/unit/{inside.parent / name}".replace("/./", "/"))
    assert not missing


def test_files_are_short() -> None:
    paths = [
        *PACKAGE,
        *TESTS,
        *ROOT.glob("fastgw/**/*.p[xy][xd]"),
        *ROOT.glob("scripts/*"),
        *ROOT.glob("examples/**/*.py"),
        *(path for path in ROOT.glob("bench/**/*.py") if ".venv" not in name_of(path)),
    ]
    lengths = {name_of(path): path.read_text().count("\n") for path in paths if path.is_file()}
    assert not {name: lines for name, lines in lengths.items() if lines > FILE_LIMIT}


def test_functions_are_short() -> None:
    assert not told(PACKAGE, "long")


def test_no_imports_go_round_in_a_circle() -> None:
    """Those for annotations and those inside functions count too; what has to know both sides stands above them."""
    modules = {module_of(path): path for path in PACKAGE}
    graph = {name: source(path).imported & modules.keys() - {name} for name, path in modules.items()}
    assert sum(map(len, graph.values())) > 2 * len(modules)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_every_module_tells_what_it_is() -> None:
    assert not [name_of(path) for path in PACKAGE if not source(path).tells]


def test_every_public_thing_tells_what_it_is() -> None:
    assert not told(PACKAGE, "silent")


def test_no_exception_is_swallowed() -> None:
    assert not told([*PACKAGE, *TESTS], "swallows")


def test_tests_never_sleep() -> None:
    """They wait for an event, or poll with ``tests.support.gateway.wait_until``, which has a deadline."""
    assert not told((path for path in TESTS if "support" not in path.parts), "sleeps")


def test_the_committed_schema_is_current() -> None:
    """If not: ``python -m fastgw schema > docs/fastgw.schema.json``."""
    assert run_python("-m", "fastgw", "schema") == (ROOT / "docs" / "fastgw.schema.json").read_text()


def test_a_worker_loads_no_validator() -> None:
    """Neither pydantic nor YAML nor prometheus_client: their memory and their import time are the supervisor's alone.

    Nor what else costs the start some milliseconds and is for others: the admin address, the command line, metadata.
    """
    unwanted = {
        "fastgw.testing",
        "pydantic",
        "yaml",
        "prometheus_client",
        "argparse",
        "email",
        "h11",
        "importlib.metadata",
        "shutil",
    }
    show = f"import sys, fastgw.server.worker, fastgw.server.serving; print(sorted({unwanted} & set(sys.modules)))"
    assert run_python("-c", show) == "[]\n"


def run_python(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_of_the_documentation_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        address, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", address):
            continue
        path = (page.parent / unquote(address)).resolve() if address else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            broken.append(target)
    assert not broken


def anchors(page: Path) -> set[str]:
    """The anchors that a Markdown page gets from its headings."""
    headings = re.findall(r"^#+ +(.+?) *$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-") for heading in headings}


# --- words

#: Mappings of the file that are called as what they configure.
CONFIGURED = {"Admin", "Endpoint", "Listener", "Mirror", "Pool", "Route", "Service"}


def words(tree: ast.Module) -> Iterator[str]:
    """The classes of a module, and other names for types."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name[0].isupper() and not name.isupper() and len(name) > 1:
                yield name


def test_a_word_is_one_thing() -> None:
    """A class, or a name for a type, stands for one thing; what an option of a filter or transformer becomes is called as that is."""
    found: dict[str, set[str]] = {}
    for name, path in ((name_of(path), path) for path in PACKAGE):
        place = name.replace("fastgw/config/filters/", "fastgw/filters/").replace(
            "/config/transformers/", "/transformers/"
        )
        if name == "fastgw/config/types.py":
            continue  # kinds of values, called as what they are values of
        for word in source(path).words:
            if name != "fastgw/config/schema.py" or word not in CONFIGURED:
                found.setdefault(word, set()).add(place)
    assert {word: places for word, places in found.items() if len(places) > 1} == {}

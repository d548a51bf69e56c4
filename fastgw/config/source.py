"""From the text of a configuration file to a tree of plain values, and back from a path in the tree to its line.

The tree has dicts, lists, text and None, and ``UNSOUND`` where a mistake was told already; what a scalar means is decided
by the schema (``config.values``).  YAML is parsed by libyaml and not trusted: size, depth and what aliases expand to are
bounded, tags and merge keys are refused, and a key given twice is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import yaml

from fastgw.bounded_yaml import compose
from fastgw.config.environment import Environment, ExpansionError
from fastgw.config.excerpt import excerpt, hint
from fastgw.config.unsound import UNSOUND, Unsound
from fastgw.config.values import Plain, shown

LARGEST_FILE: Final = 4 * 1024 * 1024  #: bytes
DEEPEST: Final = 64  #: levels of nesting
MOST_VALUES: Final = 250_000  #: keys and entries in a file
LARGEST_REPETITION: Final = 100_000  #: cost of what aliases repeat: nodes, and their text by 64 characters
MOST_PROBLEMS: Final = 1000  #: remembered; the others are only counted

_PLAIN_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)
_COLLECTION_TAGS: Final = frozenset(("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"))

Tree = dict[str, "Tree"] | list["Tree"] | str | Unsound | None
TreePath = tuple[str | int, ...]


class Problem(NamedTuple):
    """One reason why a configuration cannot or should not be used; ``line`` 0 means the file as a whole."""

    line: int
    column: int
    path: str  #: ``routes[2].service``, or empty
    message: str
    file: str
    excerpt: str = ""  #: lines of the file, for text that is not YAML; not for logs, as it may show a secret

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class Document:
    """One configuration file: its tree, the problems found while reading it, and the lines of everything in it."""

    when_empty = "is empty; it needs at least listeners and routes"  #: what is said of it then

    def __init__(self, file: str, environ: Mapping[str, str], against: Callable[[str], str] | None = None) -> None:
        """``file``: its name for messages; ``against``: as of ``Environment``."""
        self.file = file
        self.tree: Tree = None
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.content = b""  #: what was read; of a file that is too large a part
        self.untold = 0  #: problems found when ``problems`` was full
        self.partial: set[TreePath] = set()  #: mappings of which a part could not be read
        self._environment = Environment(environ, against)
        self._root: yaml.Node | None = None
        self._seen: set[int] = set()
        self._above: set[int] = set()
        self._count = 0
        self._repeated = 0

    def read(self, path: Path) -> None:
        """Read and parse ``path``; what is wrong with it goes to ``problems``."""
        try:
            with path.open("rb") as stream:
                self.read_stream(stream)
        except OSError as error:
            self.fail(f"cannot be read: {error.strerror or error}")
        except ValueError:  # a NUL in the name
            self.fail("cannot be read: not a file name")

    def read_stream(self, stream: BinaryIO) -> None:
        """The same for an open file; raises OSError."""
        content = self.content = stream.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            return self.fail(f"is larger than {LARGEST_FILE >> 20} MiB")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start]
            line = before.count(b"\n") + 1
            column = len(before) - (before.rfind(b"\n") + 1) + 1
            return self.fail("is not UTF-8 text", line, column)
        return self.parse(text)

    def parse(self, text: str) -> None:
        """Parse ``text`` into ``tree``."""
        try:
            self._root = compose(text, DEEPEST)
        except yaml.MarkedYAMLError as error:
            return self._fail_yaml(text, error)
        except yaml.reader.ReaderError as error:
            before = text[: error.position]
            line, column = before.count("\n") + 1, error.position - before.rfind("\n")
            message = f"is not valid YAML: the character U+{error.character:04X} is not allowed"
            return self.fail(message, line, column, excerpt(text, line, column))
        if self._root is None:
            return self.fail(self.when_empty, 1, 1)
        try:
            self.tree = self._value(self._root, ())
        except _TooMuchError as error:
            self.tree = None
            self.fail(str(error), error.line, error.column)
        if self.tree is None and not self.problems:
            self.fail(self.when_empty, 1, 1)
        return None

    def _fail_yaml(self, text: str, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        if mark and error.context_mark and mark.index >= len(text.rstrip()):
            mark = error.context_mark  # what has no end is to be looked for where it begins
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        began = error.context_mark.line + 1 if error.context_mark else line
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        meant = hint(text, line, line - 1 if column == 1 else line, began, column=column)
        self.fail(f"is not valid YAML: {reason}{meant}", line, column, excerpt(text, line, column))

    def fail(self, message: str, line: int = 0, column: int = 0, excerpt: str = "") -> None:
        """Note a problem of the file itself."""
        self._note(Problem(line, column, "", message, self.file, excerpt))

    def report(self, path: TreePath, message: str, *, at_key: bool = False) -> None:
        """Note a problem at ``path``, or at the nearest thing above it that exists in the file."""
        if self.is_full:
            self.untold += 1
            return
        self._note(self.problem(path, message, at_key=at_key))

    def warn(self, path: TreePath, message: str) -> None:
        """The same for what can be used, but is hardly meant."""
        if len(self.warnings) < MOST_PROBLEMS:
            self.warnings.append(self.problem(path, message))

    def problem(self, path: TreePath, message: str, *, at_key: bool = False) -> Problem:
        """``message`` with its place, without what the environment has put into the file; it is not noted."""
        depth, mark = self._locate(path, at_key)
        known = path if depth == len(path) or not self._is_scalar(path[:depth]) else path[:depth]
        message = self._environment.redact(message)
        return Problem(mark.line + 1, mark.column + 1, render(known), message, self.file)

    @property
    def is_full(self) -> bool:
        """Are there so many problems that further ones are only counted?"""
        return len(self.problems) >= MOST_PROBLEMS

    def line(self, path: TreePath) -> int:
        """The line ``path`` stands at."""
        return self._locate(path, False)[1].line + 1

    def at(self, path: TreePath) -> Tree:
        """The value at ``path``, None when there is none."""
        found = self.tree
        for step in path:
            if isinstance(found, dict) and isinstance(step, str):
                found = found.get(step)
            elif isinstance(found, list) and isinstance(step, int) and step < len(found):
                found = found[step]
            else:
                return None
        return found

    # -- building the tree --------------------------------------------------------------------------------------------

    def _value(self, node: yaml.Node, path: TreePath) -> Tree:
        self._count += 1
        if self._count > MOST_VALUES:
            raise _TooMuchError(node, f"more than {MOST_VALUES} values")
        if len(path) > DEEPEST:
            raise _TooMuchError(node, f"more than {DEEPEST} levels of nesting")
        if id(node) in self._seen:
            self._repeat(node)
        self._seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if node.tag not in _COLLECTION_TAGS:
            self._add(node, path, f"the tag {shown(_short(node.tag))} is not allowed")
        self._above.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self._value(item, (*path, place)) for place, item in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._above.discard(id(node))

    def _mapping(self, node: yaml.Node, path: TreePath) -> Tree:
        found: dict[str, Tree] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._add(key_node, path, "a key must be text, not a list or a mapping")
                self.partial.add(path)
                continue
            key = str(key_node.value)
            inner = (*path, key)
            if key_node.tag not in _PLAIN_TAGS:
                self._add(key_node, inner, f"the tag {shown(_short(key_node.tag))} is not allowed")
            elif key_node.tag == "tag:yaml.org,2002:merge":
                self._add(key_node, path, "merge keys (<<) are not supported; use an alias for a whole value")
                self.partial.add(path)
            elif key in found:
                self._add(key_node, inner, f"is given twice; the first one is on line {lines[key]}")
                self._value(value_node, inner)
            else:
                lines[key] = key_node.start_mark.line + 1
                found[key] = None
                found[key] = self._value(value_node, inner)
        return found

    def _scalar(self, node: yaml.ScalarNode, path: TreePath) -> Tree:
        if node.tag not in _PLAIN_TAGS:
            self._add(node, path, f"the tag {shown(_short(node.tag))} is not allowed")
            return UNSOUND
        text: str = node.value
        if node.tag == "tag:yaml.org,2002:null" and text in ("", "~", "null", "Null", "NULL"):
            return None
        if "${" not in text:
            return Plain(text) if not node.style and Plain.of(text) is not None else text
        try:
            value, problems = self._environment.expand(text)
        except ExpansionError as error:
            raise _TooMuchError(node, str(error)) from None
        for problem in problems:
            self._add(node, path, problem)
        return UNSOUND if problems else value

    def _repeat(self, node: yaml.Node) -> None:
        if id(node) in self._above:
            raise _TooMuchError(node, "an alias stands inside of what it means")
        self._repeated += 1 + (len(node.value) >> 6 if isinstance(node, yaml.ScalarNode) else 0)
        if self._repeated > LARGEST_REPETITION:
            raise _TooMuchError(node, "its aliases expand to too much")

    def _add(self, node: yaml.Node, path: TreePath, message: str) -> None:
        mark = node.start_mark
        self._note(Problem(mark.line + 1, mark.column + 1, render(path), message, self.file))

    def _note(self, problem: Problem) -> None:
        if self.is_full:
            self.untold += 1
        else:
            self.problems.append(problem)

    # -- finding lines ------------------------------------------------------------------------------------------------

    def _locate(self, path: TreePath, at_key: bool) -> tuple[int, yaml.Mark]:
        """How many steps of ``path`` exist, and the mark of the last: of a scalar its own, of the rest its key's."""
        node = self._root
        assert node is not None
        mark = node.start_mark
        for depth, step in enumerate(path):
            key, value = _child(node, step)
            if value is None:
                return depth, mark
            is_last = depth == len(path) - 1
            mark = (
                key.start_mark if key is not None and (at_key or not is_last or _is_block(value)) else value.start_mark
            )
            node = value
        return len(path), mark

    def _is_scalar(self, path: TreePath) -> bool:
        return bool(path) and isinstance(self.at(path), str)


class _TooMuchError(Exception):
    def __init__(self, node: yaml.Node, message: str) -> None:
        super().__init__(message)
        self.line = node.start_mark.line + 1
        self.column = node.start_mark.column + 1


def render(path: Sequence[str | int]) -> str:
    """``("routes", 2, "service")`` as ``routes[2].service``."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        else:
            word = step if step.isprintable() and 0 < len(step) <= 60 else shown(step)
            parts.append(f".{word}" if parts else word)
    return "".join(parts)


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return None, node.value[step]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == step:
                return key, value
    return None, None


def _is_block(node: yaml.Node) -> bool:
    """Is it a collection, or nothing at all?  Its key is then what the eye looks for."""
    return not isinstance(node, yaml.ScalarNode) or (node.value == "" and not node.style)


def _short(tag: str) -> str:
    return "!!" + tag.removeprefix("tag:yaml.org,2002:") if tag.startswith("tag:yaml.org,2002:") else tag

"""From the text of a configuration file to a tree of plain values, and back from a path in the tree to its line.

The tree has dicts, lists, text and None only; what a scalar means is decided by the schema (``config.values``).  YAML
is parsed by libyaml and not trusted: size, depth and what aliases expand to are bounded, tags and merge keys are
refused, and a key given twice is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import yaml

from fastgw.config.values import Expanded, shown

LARGEST_FILE: Final = 4 * 1024 * 1024  #: bytes
DEEPEST: Final = 64  #: levels of nesting; libyaml recurses in C, so the stack is at stake
MOST_VALUES: Final = 250_000  #: keys and entries in a file
LARGEST_REPETITION: Final = 100_000  #: cost of what aliases repeat: nodes, and their text by 64 characters
LARGEST_EXPANSION: Final = 4 * 1024 * 1024  #: characters that come from the environment
MOST_PROBLEMS: Final = 1000  #: remembered; the others are only counted

_VARIABLE: Final = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_INSIDE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.S)
_PLAIN_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)
_COLLECTION_TAGS: Final = frozenset(("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"))

Tree = dict[str, "Tree"] | list["Tree"] | str | None
TreePath = tuple[str | int, ...]


class Problem(NamedTuple):
    """One reason why a configuration cannot be used, with its place; ``line`` 0 means the file as a whole."""

    line: int
    column: int
    path: str  #: ``routes[2].service``, or empty
    message: str
    file: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class _Loader(yaml.CSafeLoader):
    """libyaml's composer with a bound on depth; it calls these two methods around every node."""

    _depth = 0

    def descend_resolver(self, node: yaml.Node | None, index: object) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            mark = node.start_mark if node is not None else None
            raise yaml.MarkedYAMLError(problem=f"more than {DEEPEST} levels of nesting", problem_mark=mark)

    def ascend_resolver(self) -> None:
        self._depth -= 1


class Document:
    """One configuration file: its tree, the problems found while reading it, and the lines of everything in it."""

    def __init__(self, file: str, environ: Mapping[str, str]) -> None:
        """``file``: its name for messages."""
        self.file = file
        self.tree: Tree = None
        self.problems: list[Problem] = []
        self.untold = 0  #: problems found when ``problems`` was full
        self._environ = environ
        self._root: yaml.Node | None = None
        self._seen: set[int] = set()
        self._above: set[int] = set()
        self._count = 0
        self._repeated = 0
        self._expanded = 0
        self._values: dict[str, str] = {}  # what the environment gave -> ${NAME}, for ``redact``

    def read(self, path: Path) -> None:
        """Read and parse ``path``; what is wrong with it goes to ``problems``."""
        try:
            with path.open("rb") as stream:
                content = stream.read(LARGEST_FILE + 1)
        except OSError as error:
            return self.fail(f"cannot be read: {error.strerror or error}")
        except ValueError:  # a NUL in the name
            return self.fail("cannot be read: not a file name")
        if len(content) > LARGEST_FILE:
            return self.fail(f"is larger than {LARGEST_FILE >> 20} MiB")
        try:
            return self.parse(content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            before = content[: error.start]
            line = before.count(b"\n") + 1
            column = len(before) - (before.rfind(b"\n") + 1) + 1
            return self.fail("is not UTF-8 text", line, column)

    def parse(self, text: str) -> None:
        """Parse ``text`` into ``tree``."""
        try:
            self._root = yaml.compose(text, _Loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            reason = ", ".join(part for part in (error.context, error.problem) if part)
            return self.fail(f"is not valid YAML: {reason}{_hint(reason)}", line, column)
        except yaml.reader.ReaderError as error:
            before = text[: error.position]
            line, column = before.count("\n") + 1, error.position - before.rfind("\n")
            return self.fail(f"is not valid YAML: the character U+{error.character:04X} is not allowed", line, column)
        if self._root is None:
            return self.fail("is empty; it needs at least listeners and routes", 1, 1)
        try:
            self.tree = self._value(self._root, ())
        except _TooMuchError as error:
            self.tree = None
            self.fail(str(error), error.line, error.column)
        if self.tree is None and not self.problems:
            self.fail("is empty; it needs at least listeners and routes", 1, 1)
        return None

    def fail(self, message: str, line: int = 0, column: int = 0) -> None:
        """Note a problem of the file itself."""
        self._note(Problem(line, column, "", message, self.file))

    def report(self, path: TreePath, message: str, *, at_key: bool = False) -> None:
        """Note a problem at ``path``, or at the nearest thing above it that exists in the file."""
        if self.is_full:
            self.untold += 1
            return
        depth, mark = self._locate(path, at_key)
        known = path if depth == len(path) or not self._is_scalar(path[:depth]) else path[:depth]
        self._note(Problem(mark.line + 1, mark.column + 1, render(known), self.redact(message), self.file))

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

    def redact(self, message: str) -> str:
        """``message`` with what came from the environment replaced by the ``${NAME}`` it came from."""
        for value, source in self._values.items():
            message = message.replace(value, source)
        return message

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
                continue
            key = str(key_node.value)
            inner = (*path, key)
            if key_node.tag not in _PLAIN_TAGS:
                self._add(key_node, inner, f"the tag {shown(_short(key_node.tag))} is not allowed")
            elif key_node.tag == "tag:yaml.org,2002:merge":
                self._add(key_node, path, "merge keys (<<) are not supported; use an alias for a whole value")
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
            return None
        text: str = node.value
        if node.tag == "tag:yaml.org,2002:null" and text in ("", "~", "null", "Null", "NULL"):
            return None
        return self._expand(node, path) if "${" in text else text

    def _expand(self, node: yaml.ScalarNode, path: TreePath) -> str:
        """Put the environment into a scalar."""
        unset: list[str] = []

        def replace(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            inside = _INSIDE.fullmatch(match[1])
            if inside is None or not match[2]:
                unset.append(f"{shown(match[0])} is neither ${{NAME}} nor ${{NAME:-default}} ($${{ is a literal ${{)")
                return ""
            value = self._environ.get(inside[1]) or inside[2]
            if value is None:
                value = self._environ.get(inside[1])
            if value is None:
                unset.append(
                    f"the environment variable {inside[1]} is not set; ${{{inside[1]}:-default}} has a default"
                )
                return ""
            self._expanded += len(value)
            if self._expanded > LARGEST_EXPANSION:
                raise _TooMuchError(node, "what comes from the environment is too large")
            if len(value) >= 8 and inside[2] != value:
                self._values[value] = f"${{{inside[1]}}}"
                self._values[repr(value)[1:-1]] = f"${{{inside[1]}}}"
            return value

        value = _VARIABLE.sub(replace, node.value)
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            unset.append("the environment variable is not UTF-8 text")
        for reason in unset:
            self._add(node, path, reason)
        return Expanded("" if unset else value, node.value)

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


def _hint(reason: str) -> str:
    if "cannot start any token" in reason and "@" not in reason:
        return " (tabs cannot indent)"
    if "mapping values are not allowed" in reason:
        return " (is a quote or an indent missing?)"
    return ""

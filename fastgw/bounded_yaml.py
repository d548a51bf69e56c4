"""libyaml's composer with a bound on depth, for texts that are not trusted: it recurses in C, so the stack is at stake."""

from __future__ import annotations

import yaml


class _Composer(yaml.CSafeLoader):
    """It calls these two methods around every node."""

    deepest = 0
    _depth = 0

    def descend_resolver(self, node: yaml.Node | None, index: object) -> None:
        self._depth += 1
        if self._depth > self.deepest:
            mark = node.start_mark if node is not None else None
            raise yaml.MarkedYAMLError(problem=f"more than {self.deepest} levels of nesting", problem_mark=mark)

    def ascend_resolver(self) -> None:
        self._depth -= 1


def compose(text: str, deepest: int) -> yaml.Node | None:
    """The node that ``text`` is, in at most so many levels of nesting; None: it has none.

    Raises:
        yaml.MarkedYAMLError: it is no YAML, of several documents, or nested deeper.
        yaml.reader.ReaderError: it has a character that YAML does not allow.
    """
    composer = _Composer(text)
    composer.deepest = deepest
    try:
        found: yaml.Node | None = composer.get_single_node()
        return found
    finally:
        composer.dispose()

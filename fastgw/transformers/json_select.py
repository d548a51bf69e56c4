"""``json/select``: what the other side needs of a JSON document: some of its fields, without others, by other names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastgw.transformers.json_body import JsonTransformer, MissingError
from fastgw.transformers.pointer import EACH, MISSING, Tokens, find, parse, step, text_of

#: What is below a step of some pointers; nothing: one of them ends here.
Paths = dict[str, "Paths"]


class JsonSelect(JsonTransformer):
    """The transformer."""

    __slots__ = ("_drop", "_keep", "_pick", "_rename", "_require")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: as ``JsonTransformer``; ``require``, ``keep`` and ``drop``, pointers; ``pick``, one or None; ``rename``, pairs of a
        pointer and a key."""
        JsonTransformer.__init__(self, name, options)
        self._require = [parse(one) for one in options["require"]]
        self._pick = parse(options["pick"] or "")
        self._keep = _tree(options["keep"])
        self._drop = _tree(options["drop"])
        self._rename = [(parse(one), key) for one, key in options["rename"]]

    def make(self, document: Any) -> Any:
        for tokens in (*self._require, self._pick):
            if find(document, tokens) is MISSING:
                raise MissingError(f"has nothing at {text_of(tokens)!r}")
        document = find(document, self._pick)
        if self._keep:
            document = _kept(document, self._keep)
            if document is MISSING:
                raise MissingError("is no object or list")
        _drop(document, self._drop)
        for tokens, key in self._rename:
            for parent in _each(document, tokens[:-1]):
                if isinstance(parent, dict) and tokens[-1] in parent:
                    parent[key] = parent.pop(tokens[-1])
        return document


def _tree(pointers: Sequence[str]) -> Paths:
    """All of them as one; where one goes on behind the end of another, that holds."""
    found: Paths = {}
    for tokens in sorted(map(parse, pointers), key=len, reverse=True):
        at = found
        for token in tokens:
            at = at.setdefault(token, {})
        at.clear()
    return found


def _kept(value: Any, tree: Paths) -> Any:
    """``value`` with nothing but what ``tree`` leads to; ``MISSING``: nothing is left of it."""
    if not tree:
        return value
    each = tree.get(EACH)
    if isinstance(value, dict):
        below = {key: tree.get(key, each) for key in value}
        kept = {key: _kept(value[key], rest) for key, rest in below.items() if rest is not None}
        return {key: one for key, one in kept.items() if one is not MISSING}
    if not isinstance(value, list):
        return MISSING
    if each is not None:
        found = [_kept(one, each) for one in value]
    else:
        places = ((step(value, token), tree[token]) for token in sorted(tree, key=_place))
        found = [_kept(one, rest) for one, rest in places if one is not MISSING]
    return [one for one in found if one is not MISSING]


def _place(token: str) -> tuple[int, str]:
    """Indexes in their order."""
    return len(token), token


def _drop(value: Any, tree: Paths) -> None:
    """Take what ``tree`` leads to out of ``value``."""
    for token in sorted(tree, key=_place, reverse=True):  # of a list the last first
        rest = tree[token]
        if rest:
            for one in _each(value, (token,)):
                _drop(one, rest)
        elif token == EACH and isinstance(value, dict | list):
            value.clear()
        elif isinstance(value, dict):
            value.pop(token, None)
        elif step(value, token) is not MISSING:
            del value[int(token)]


def _each(value: Any, tokens: Tokens) -> Iterator[Any]:
    """All that ``tokens`` lead to."""
    if not tokens:
        yield value
        return
    if tokens[0] != EACH:
        found = [step(value, tokens[0])]
    elif isinstance(value, dict):
        found = list(value.values())
    else:
        found = value if isinstance(value, list) else []
    for one in found:
        if one is not MISSING:
            yield from _each(one, tokens[1:])

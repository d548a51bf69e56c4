"""``json/template``: a JSON document from a template, whose leaves may be references into the one that came.  Nothing in it is executed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

from fastgw.transformers.json_body import JsonTransformer, MissingError, TooLargeError
from fastgw.transformers.pointer import MISSING, find, parse
from fastgw.transformers.references import Reference, read, references


class JsonTemplate(JsonTransformer):
    """The transformer."""

    __slots__ = ("_max_output", "_size", "_template", "_uses")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: as ``JsonTransformer``; ``template``, as JSON; ``max_output``, bytes."""
        JsonTransformer.__init__(self, name, options)
        self._max_output: int = options["max_output"]
        self._template = read(orjson.loads(options["template"]))
        self._size = len(options["template"])
        self._uses = Counter(one.pointer for one in references(self._template))

    def make(self, document: Any) -> Any:
        """Each value that is referred to is written once, and counted before it is put where it belongs: however often that is, no more
        than the bound is made."""
        written: dict[str, orjson.Fragment] = {}
        size = self._size
        for pointer, count in self._uses.items():
            found = find(document, parse(pointer))
            if found is not MISSING:
                value = orjson.dumps(found)
                size += len(value) * count
                if size > self._max_output:
                    raise TooLargeError(
                        f"what the template makes of it has more than the {self._max_output} bytes allowed here"
                    )
                written[pointer] = orjson.Fragment(value)
        return _filled(self._template, written)


def _filled(template: Any, written: Mapping[str, orjson.Fragment]) -> Any:
    if isinstance(template, Reference):
        found = written.get(template.pointer, template.default)
        if found is MISSING:
            raise MissingError(f"has nothing at {template.pointer!r}")
        return found
    if isinstance(template, dict):
        return {key: _filled(one, written) for key, one in template.items()}
    return [_filled(one, written) for one in template] if isinstance(template, list) else template

"""One form for all configurations: order of the sections, indentation, empty lines; comments stay, and so does what it means.

A result that meant anything else than the text, down to the spelling of a number, is not given out.
"""

from __future__ import annotations

import difflib
from typing import Any, Final

from fastgw.config.schema import Configuration
from fastgw.config.source import Document

_ROUNDS: Final = 4  #: until a second pass changes nothing


class FormatError(Exception):
    """The text cannot be formatted; says why."""


def formatted(text: str, file: str) -> str:
    """``text`` in that form.  ``file``: its name for messages.

    Raises:
        ImportError: there is no ruamel.yaml, which the extra ``fmt`` has.
        FormatError: it is no configuration that can be read, or has something that would not stay as it is.
    """
    before = _tree(text, file)
    found = text
    for _ in range(_ROUNDS):
        last, found = found, _once(found, file)
        if found == last:
            break
    else:
        raise FormatError(f"{file}: it finds no form that stays; nothing is changed")
    if _tree(found, file) != before or _comments(found) != _comments(text):
        raise FormatError(f"{file}: it has something that would not stay as it is; nothing is changed")
    return found


def difference(old: str, new: str, file: str) -> str:
    """What changes from one text to another, as ``diff -u`` has it."""
    return "".join(difflib.unified_diff(old.splitlines(True), new.splitlines(True), file, f"{file} (formatted)"))


def _tree(text: str, file: str) -> Any:
    """What it means: variables of the environment stay as they are written."""
    document = Document(file, {})
    document.parse(text.replace("${", "$\N{ZERO WIDTH SPACE}{"))
    if document.problems:
        raise FormatError("\n".join(map(str, document.problems)))
    return document.tree


def _comments(text: str) -> list[str]:
    """What could be a comment, whatever the order: none may be lost."""
    return sorted(line[line.index("#") :].rstrip() for line in text.splitlines() if "#" in line)


def _once(text: str, file: str) -> str:
    from io import StringIO

    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    yaml.explicit_start = text.startswith("---")
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        tree = yaml.load(text)
        written = StringIO()
        yaml.dump(tree, written)
        return _ordered(written.getvalue(), YAML().load(written.getvalue()))
    except YAMLError as error:
        raise FormatError(f"{file}: {error}") from None


def _ordered(text: str, tree: Any) -> str:
    """The sections in the order of the reference, each with the comment right above it, and an empty line between long ones."""
    lines = [line.rstrip() for line in text.splitlines()]
    starts = [tree.lc.key(key)[0] for key in tree] if hasattr(tree, "keys") else []
    is_block = bool(starts) and not tree.fa.flow_style() and starts == sorted(set(starts))
    if not is_block or "..." in lines or "---" in lines[starts[0] :]:
        return "\n".join(lines).rstrip("\n") + "\n"
    places = [starts[0], *(_with_comment(lines, start) for start in starts[1:])]
    head = lines[: places[0]]
    sections = {
        str(key): _trimmed(lines[begin:end])
        for key, begin, end in zip(tree, places, [*places[1:], len(lines)], strict=True)
    }
    known = [*Configuration.model_fields]
    order = sorted(sections, key=lambda key: known.index(key) if key in known else len(known))
    # an anchor must stay before its aliases
    if any(mark in line for line in lines for mark in (" &", " *")):
        order = [*sections]
    found: list[str] = head
    for place, key in enumerate(order):
        if place and (len(sections[key]) > 1 or len(sections[order[place - 1]]) > 1):
            found.append("")
        found += sections[key]
    return "\n".join(found).rstrip("\n") + "\n"


def _with_comment(lines: list[str], start: int) -> int:
    while lines[start - 1].startswith("#"):
        start -= 1
    return start


def _trimmed(lines: list[str]) -> list[str]:
    """Without empty lines at both ends."""
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines

"""What stands at a place of a text that is not YAML, and what is usually meant there."""

from __future__ import annotations

import re
from typing import Final

WIDEST: Final = 110  #: characters of a line that are shown
LONGEST_LINE: Final = 300  #: characters that are looked at

#: A value in front of which YAML sees something else, where it begins: behind ``key:``, ``-``, ``[``, ``{`` or ``,``.
_VALUE: Final = re.compile(
    r"(?:(?<=:)|(?<=^-)|(?<=\s-)|(?<=[\[{,]))[ \t]+([*&!%@`|>][^\s,\]}]*)|[\[{,]([*&!%@`][^\s,\]}]*)"
)
_VARIABLE_IN_BRACES: Final = re.compile(r"[{\[,][^\"'#]*?([^\s,:{\[\"']*\$\{)")
_PARAMETER_IN_BRACES: Final = re.compile(r"\{[^\"'#]*?[\s:](/[^\s\"',]*\{[^\s\"',}]*\}[^\s\"',}]*)")
_IPV6: Final = re.compile(r"(?<![\"'\w])(\[[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\](?::\d+)?)")
_BEHIND_BRACE: Final = re.compile(r":[ \t]+(\{[\w-]+\}/?[^\s,#]+)")
_COLON_TWICE: Final = re.compile(r"^\s*(?:- +)*[\w.-]+: +([^\s\"'{\[#][^#]*?: .*?)\s*(?:#.*)?$")


def hint(text: str, *lines: int, column: int = 0) -> str:
    """What is usually wrong with one of ``lines`` (from 1, the most likely first): `` (...)``, or "" when nothing shows.

    ``column``: where in the first of them, from 1.
    """
    content = text.splitlines()
    for number in lines:
        if 0 < number <= len(content):
            found = _hint(content[number - 1][:LONGEST_LINE])
            if found:
                return f" ({found})"
    first = content[lines[0] - 1] if 0 < lines[0] <= len(content) else ""
    if first.strip() and not first[: column - 1].strip():
        return " (is it indented as far as the lines that it belongs to?)"
    return ""


def _hint(line: str) -> str:
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "tabs cannot indent, spaces can"
    for pattern, reason in (
        (_IPV6, "[ begins a list"),
        (_PARAMETER_IN_BRACES, "{ begins a mapping between braces"),
        (_VARIABLE_IN_BRACES, ""),
        (_BEHIND_BRACE, "{ begins a mapping"),
        (_VALUE, ""),
        (_COLON_TWICE, "a colon and a blank make a key"),
    ):
        match = pattern.search(line)
        if match is None:
            continue
        word = next(group for group in match.groups() if group)
        if pattern is _VARIABLE_IN_BRACES:
            return 'between braces a value with ${...} needs quotes: "${NAME}"'
        if pattern is _VALUE:
            return f'a value that begins with {word[0]} needs quotes: "{word}"'
        return f'{reason}; the value needs quotes: "{word}"'
    if any(line.count(quote) % 2 for quote in "\"'"):
        return "a quote is opened and not closed"
    return ""


def excerpt(text: str, line: int, column: int) -> str:
    """The line, with the one above it, and a caret below the column (both from 1); "" when the text has no such line."""
    content = text.splitlines()
    if not 0 < line <= len(content):
        return ""
    start = max(0, column - WIDEST + 10)
    width = len(str(line))
    shown = [f"  {number:>{width}} | {_cut(content[number - 1], start)}" for number in (line - 1, line) if number > 0]
    return "\n".join((*shown, f"  {'':>{width}} | {' ' * (column - 1 - start)}^"))


def _cut(line: str, start: int) -> str:
    cut = line[start : start + WIDEST].replace("\t", " ")
    return "".join(character if character.isprintable() else "?" for character in cut)

"""What is shown of text that is not YAML, and what is usually meant there."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fastgw.config.excerpt import LONGEST_LINE, excerpt, hint
from fastgw.config.source import Document


def said(text: str) -> str:
    """The whole message for a text that libyaml refuses."""
    with pytest.raises(yaml.YAMLError):
        yaml.compose(text, yaml.CSafeLoader)
    document = Document("x", {})
    document.parse(text)
    return document.problems[0].message


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("host: *", 'a value that begins with * needs quotes: "*"'),
        ("a:\n  host: *.example\n", 'needs quotes: "*.example"'),
        ("a: [*, b]", 'needs quotes: "*"'),
        ("a: {host: *.example}", 'needs quotes: "*.example"'),
        ("name: %x", 'a value that begins with % needs quotes: "%x"'),
        ("name: @x", 'needs quotes: "@x"'),
        ("- `x`", 'needs quotes: "`x`"'),
        ("a: &", 'needs quotes: "&"'),
        ("a: {address: ${H}:90}", 'between braces a value with ${...} needs quotes: "${NAME}"'),
        ("a: {address: x-${H}}", "needs quotes"),
        ("path: {m}/x", '{ begins a mapping; the value needs quotes: "{m}/x"'),
        ("a: [::1]:80", '[ begins a list; the value needs quotes: "[::1]:80"'),
        ("e: [[::1]:80]", 'needs quotes: "[::1]:80"'),
        ("- {path: /v1/{m}/x, s: b}", 'the value needs quotes: "/v1/{m}/x"'),
        ("a: b: c", 'a colon and a blank make a key; the value needs quotes: "b: c"'),
        ("- name: b: c # d", 'needs quotes: "b: c"'),
        ("a:\n\tb: 1", "tabs cannot indent, spaces can"),
        ('a: "xy\nb: 1\n', "a quote is opened and not closed"),
        ('a: "xy\nb: [127.0.0.1:1]\n', "a quote is opened and not closed"),
        ("routes:\n  - path: /*\n  service: a\n", "is it indented as far as the lines that it belongs to?"),
    ],
)
def test_the_usual_cause_is_named(text: str, meant: str) -> None:
    assert meant in said(text)


@pytest.mark.parametrize("text", ["a:\n  b: 2\n c: 3", "a: [1, 2\nb: 3\n", "- a\nb: 1", "a: 1\n  b: 2"])
def test_nothing_is_guessed_where_nothing_shows(text: str) -> None:
    assert "quotes" not in said(text)


def test_the_line_and_a_caret() -> None:
    document = Document("x", {})
    document.parse("listeners:\n  - address: *\n")
    above, line, caret = document.problems[0].excerpt.splitlines()
    assert (above, line) == ("  1 | listeners:", "  2 |   - address: *")
    assert caret.index("^") == line.index("*") == len("  2 | ") + document.problems[0].column - 1
    assert "\n" not in str(document.problems[0])


def test_what_has_no_end_is_shown_where_it_begins() -> None:
    document = Document("x", {})
    document.parse('a: 1\nb: "xy\nc: 1\n')
    assert (document.problems[0].line, document.problems[0].column) == (2, 4)
    assert document.problems[0].excerpt.splitlines()[1] == '  2 | b: "xy'


def test_long_lines_are_cut_around_the_place() -> None:
    shown = excerpt("a" * 1000 + "X" + "b" * 1000, 1, 1001)
    line, caret = shown.splitlines()
    assert len(line) < 130
    assert line[caret.index("^")] == "X"
    assert excerpt("a\x1b[31m\tb", 1, 1) == "  1 | a?[31m b\n    | ^"
    assert excerpt("a", 2, 1) == excerpt("", 1, 1) == ""


@given(st.text(st.sampled_from("ab:-?[]{},&*!|>'\"%@`#~ \n\t\\0123$<")), st.integers(1, 3))
def test_any_text_has_a_hint_or_none(text: str, line: int) -> None:
    found = hint(text, line)
    assert found == "" or (found.startswith(" (") and found.endswith(")"))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{a: " * 100_000, ", a${" * 100_000, "{ /{" * 100_000, ": - " * 100_000]
)
def test_hostile_lines_cost_little(text: str) -> None:
    started = time.monotonic()
    hint(text, 1)
    assert time.monotonic() - started < 20  # milliseconds for LONGEST_LINE characters, hours for all of them
    assert LONGEST_LINE < 1000

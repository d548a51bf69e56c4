"""From text to a tree with lines, within bounds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.config import source
from fastgw.config.source import Document, render
from fastgw.config.unsound import is_unsound
from fastgw.config.values import Expanded


def parse(text: str, **environ: str) -> Document:
    document = Document("gw.yaml", environ)
    document.parse(text)
    return document


def said(text: str, **environ: str) -> list[str]:
    return [str(problem) for problem in parse(text, **environ).problems]


def test_scalars_stay_as_they_are_written() -> None:
    text = "on: yes\nport: 0x10\ntime: 1:30\nversion: 1.20\nquoted: 'null'\nnothing: ~\nempty:\nlist: [on, 010]\n"
    assert parse(text).tree == {
        "on": "yes",
        "port": "0x10",
        "time": "1:30",
        "version": "1.20",
        "quoted": "null",
        "nothing": None,
        "empty": None,
        "list": ["on", "010"],
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "gw.yaml:2:1: is not valid YAML: "),
        ("a:\n\tb: 1", "gw.yaml:2:1: is not valid YAML: "),
        ("a: b: c", "gw.yaml:1:5: is not valid YAML: "),
        ("a: \x01", "gw.yaml:1:4: is not valid YAML: the character U+0001 is not allowed"),
        ("a: 1\n---\nb: 2", "gw.yaml:2:1: is not valid YAML: "),
        ("a: *x", "gw.yaml:1:4: is not valid YAML: "),
        ("", "gw.yaml:1:1: is empty; it needs at least listeners and routes"),
        ("# nothing\n", "gw.yaml:1:1: is empty"),
        ("~", "gw.yaml:1:1: is empty"),
        ("a: 1\nb: 2\na: 3", "gw.yaml:3:1: a: is given twice; the first one is on line 1"),
        ("a: {b: {c: 1, c: 2}}", "gw.yaml:1:15: a.b.c: is given twice; the first one is on line 1"),
        ("a: !!python/object:os.system x", "gw.yaml:1:4: a: the tag '!!python/object:os.system' is not allowed"),
        ("a: !!binary eA==", "gw.yaml:1:4: a: the tag '!!binary' is not allowed"),
        ("a: !x [1]", "gw.yaml:1:4: a: the tag '!x' is not allowed"),
        ("? [a]\n: b", "gw.yaml:1:3: a key must be text, not a list or a mapping"),
        (
            "a: &x {b: 1}\nc:\n  <<: *x",
            "gw.yaml:3:3: c: merge keys (<<) are not supported; use an alias for a whole value",
        ),
        ("a: &x [*x]", "gw.yaml:1:4: an alias stands inside of what it means"),
        ("&x a: *x", ""),
    ],
)
def test_what_is_wrong_has_its_place(text: str, problem: str) -> None:
    found = said(text)
    if problem:
        assert found[0].startswith(problem)
    else:
        assert not found


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused(opening: str) -> None:
    assert not any("levels of nesting" in problem.message for problem in parse(opening * 60).problems)
    [problem] = parse(opening * 70).problems
    assert "more than 64 levels of nesting" in problem.message
    assert problem.line == 1


@pytest.mark.parametrize("text", ["[" * 1_000_000, "{a: " * 200_000, "- " * 200_000, "? " * 200_000])
def test_nesting_without_end_is_refused_before_it_costs_the_stack(text: str) -> None:
    """By our bound, or by the one that libyaml may have before it: what that says is its own affair."""
    document = parse(text)
    [problem] = document.problems
    assert document.tree is None
    assert problem.line == 1


def test_aliases_cannot_build_depth_either() -> None:
    lines = ["a0: &a0 " + "[" * 50 + "]" * 50]
    lines += [f"a{n}: &a{n} " + "[" * 50 + f"*a{n - 1}" + "]" * 50 for n in range(1, 30)]
    assert "more than 64 levels of nesting" in parse("\n".join(lines)).problems[0].message


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, 12)]
    started = time.monotonic()
    [problem] = parse("\n".join(lines)).problems
    assert problem.message == "its aliases expand to too much"
    assert time.monotonic() - started < 30


def test_a_bomb_of_text_is_refused() -> None:
    text = "a: &a " + "x" * 1_000_000 + "\nb: [" + ", ".join(["*a"] * 50_000) + "]"
    assert [problem.message for problem in parse(text).problems] == ["its aliases expand to too much"]


def test_aliases_are_fine_in_measure() -> None:
    document = parse("a: &x {b: 1}\nc: [*x, *x]")
    assert document.tree == {"a": {"b": "1"}, "c": [{"b": "1"}, {"b": "1"}]}
    document.report(("c", 1, "b"), "is odd")
    assert str(document.problems[0]) == "gw.yaml:1:11: c[1].b: is odd"


def test_too_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert source.MOST_VALUES == 250_000
    monkeypatch.setattr(source, "MOST_VALUES", 1002)  # to read so many takes seconds
    [problem] = parse("a: [" + "1," * 1001 + "]").problems
    assert problem.message == "more than 1002 values"
    assert not parse("a: [" + "1," * 1000 + "]").problems


def test_problems_are_remembered_up_to_a_bound() -> None:
    document = parse("a: 1\n" * 3000)
    assert len(document.problems) == source.MOST_PROBLEMS
    assert document.untold == 3000 - 1 - source.MOST_PROBLEMS


def test_the_environment_is_put_in() -> None:
    document = parse("a: ${HOST}:${PORT:-80}\nb: $${HOST}\nc: '${EMPTY:-x}${EMPTY}'\n${HOST}: 1", HOST="h", EMPTY="")
    assert document.tree == {"a": "h:80", "b": "${HOST}", "c": "x", "${HOST}": "1"}
    assert not document.problems
    found = document.at(("a",))
    assert isinstance(found, Expanded) and found.source == "${HOST}:${PORT:-80}"


def test_a_default_may_be_empty() -> None:
    assert parse("a: 'x${NAME:-}'").tree == {"a": "x"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "a: 1\nb: ['${NOPE}']",
            "gw.yaml:2:5: b[0]: the environment variable NOPE is not set; ${NOPE:-default} has a de",
        ),
        ("a: ${NO PE}", "gw.yaml:1:4: a: '${NO PE}' is neither ${NAME} nor ${NAME:-default} ($${ is a literal ${)"),
        ("a: x${NOPE", "gw.yaml:1:4: a: '${NOPE' is neither ${NAME}"),
        ("a: ${}", "gw.yaml:1:4: a: '${}' is neither ${NAME}"),
        ("a: ${LATIN}", "gw.yaml:1:4: a: the environment variable is not UTF-8 text"),
    ],
)
def test_what_the_environment_lacks_is_told(text: str, problem: str) -> None:
    [found] = said(text, LATIN="\udcff")
    assert found.startswith(problem)


def test_the_environment_cannot_fill_the_memory() -> None:
    [problem] = parse("\n".join(f"a{n}: ${{BIG}}" for n in range(100)), BIG="x" * 100_000).problems
    assert problem.message == "what comes from the environment is too large"


def test_messages_do_not_show_what_the_environment_held() -> None:
    document = parse("a: ${TOKEN}\nb: ${SHORT}", TOKEN="correct horse\n", SHORT="true")
    document.report(("a",), "got 'correct horse\\n', expected true")
    assert document.problems[0].message == "got '${TOKEN}', expected true"


def test_what_is_wrong_already_is_unsound_in_the_tree() -> None:
    tree = parse("a: ${NOPE}\nb: !x 1\nc: 1").tree
    assert isinstance(tree, dict)
    assert is_unsound(tree["a"]) and is_unsound(tree["b"]) and not is_unsound(tree["c"])


def test_warnings_have_a_place_and_are_no_problems() -> None:
    document = parse("a:\n  b: 1")
    document.warn(("a", "b"), "is odd")
    assert not document.problems
    assert [str(warning) for warning in document.warnings] == ["gw.yaml:2:6: a.b: is odd"]


def test_lines_of_values_keys_and_what_is_not_there() -> None:
    document = parse("a:\n  - b: 1\n    c:\n      d: 2\n  - e: ''\n")
    for path, at_key, place in [
        (("a", 0, "b"), False, (2, 8)),
        (("a", 0, "b"), True, (2, 5)),
        (("a", 0, "c"), False, (3, 5)),
        (("a", 0, "c", "x"), False, (3, 5)),
        (("a", 1, "e"), False, (5, 8)),
        (("a", 7), False, (1, 1)),
        ((), False, (1, 1)),
    ]:
        document.problems.clear()
        document.report(path, "x", at_key=at_key)
        assert (document.problems[0].line, document.problems[0].column) == place, path
    assert document.line(("a", 1)) == 5
    assert document.at(("a", 0, "c", "d")) == "2"
    assert document.at(("a", "x")) is None


def test_paths_are_told_as_an_operator_would_write_them() -> None:
    assert render(("routes", 2, "headers", "x-a")) == "routes[2].headers.x-a"
    assert render(("services", "a\nb")) == "services.'a\\nb'"
    assert render(()) == ""


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: \xff", ":1:4: is not UTF-8 text"),
        (b"a: 1\nbc: \xc3(", ":2:5: is not UTF-8 text"),
        (b"#" * (source.LARGEST_FILE + 1), ": is larger than 4 MiB"),
        (b"\xef\xbb\xbfa: 1", ""),
    ],
)
def test_files_that_are_not_text(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    document = Document("gw.yaml", {})
    document.read(path)
    assert [str(one) for one in document.problems] == ([f"gw.yaml{problem}"] if problem else [])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, reason in [
        (tmp_path / "none", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (Path("a\0b"), "not a file name"),
    ]:
        document = Document("gw.yaml", {})
        document.read(path)
        assert [str(one) for one in document.problems] == [f"gw.yaml: cannot be read: {reason}"]


@given(st.text(st.sampled_from("ab:-?[]{},&*!|>'\"%@`#~ \n\t\\0123$<")))
def test_any_text_is_a_tree_or_has_problems(text: str) -> None:
    document = parse(text, a="b")
    assert document.tree is not None or document.problems
    for problem in document.problems:
        assert str(problem).isprintable() and problem.line > 0

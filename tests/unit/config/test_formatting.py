"""Configurations in one form."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.config.formatting import FormatError, difference, formatted
from fastgw.config.load import load
from tests.support.gateway import ROOT
from tests.unit.config.files import MINIMAL

EXAMPLES = sorted(ROOT.glob("examples/**/*.yaml"))

UGLY = """\
# the head

# of services
services:
    app:   # the one
        endpoints:
        - "127.0.0.1:9000"   # first
        pool: {max_connections:   4}
routes:
- path: /*
  service: app


  # how long
  timeout: 60s
# who comes
listeners: [{address: "127.0.0.1:8080"}]
workers: 2
# the end
"""


def test_sections_have_an_order_levels_two_spaces_and_comments_stay_where_they_belong() -> None:
    assert formatted(UGLY.replace("# the head\n\n# of services\n", "# the head\n\n"), "x").startswith("# the head\n")
    found = formatted("zone: a\n" + UGLY, "x")
    assert [line for line in found.splitlines() if line[:1].isalpha()] == [
        "zone: a", "workers: 2", 'listeners: [{address: "127.0.0.1:8080"}]', "routes:", "services:",
    ]  # fmt: skip
    assert "\n# who comes\nlisteners" in found and "\n# of services\nservices:\n  app:     # the one\n" in found
    assert "\n  - path: /*\n    service: app\n" in found


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda one: one.name)
def test_an_example_means_the_same_and_a_second_pass_changes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = path.read_text()
    once = formatted(text, "x")
    assert formatted(once, "x") == once
    assert sorted(once.split()) == sorted(text.split())


def test_the_specification_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(UGLY)
    before = load(path, {})
    path.write_text(formatted(UGLY, "x"))
    assert load(path, {}) == before


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL,
        "zone: ${ZONE}\nworkers: 0x10\n",
        "zone: 012\n",
        "zone: 1_000\n",
        "zone: 1.50\n",
        "zone: yes\n",
        "zone: ~\nworkers:\n",
        "zone: 'it''s'\nworkers: \"a\\tb\"\n",
        "zone: |\n  a\n   b\n\n  c\nworkers: 1\n",
        "services: &s {a: 1}\nroutes: *s\n",
        "---\nzone: a\n",
        "zone: a\r\nworkers: 1\r\n",
        "{zone: a, workers: 1}\n",
        "unknown: 1\nworkers: 1\n",
        "zone: " + "long " * 100 + "\n",
        "- a\n-   b\n",
    ],
)
def test_what_cannot_be_kept_is_refused_and_all_else_means_the_same(text: str) -> None:
    from fastgw.config.formatting import _tree

    try:
        found = formatted(text, "x")
    except FormatError:  # it has said so, and given nothing out
        return
    assert _tree(found, "x") == _tree(text, "x")
    assert formatted(found, "x") == found


@pytest.mark.parametrize(
    ("text", "why"),
    [("a: 1\na: 2\n", "given twice"), ("a: [\n", "not valid YAML"), ("", "is empty"), ("a: !x 1\n", "not allowed")],
)
def test_what_is_no_configuration_is_refused_with_its_line(text: str, why: str) -> None:
    with pytest.raises(FormatError, match=why):
        formatted(text, "x")


KEYS = st.sampled_from(["zone", "workers", "routes", "services", "other"])
VALUES = st.recursive(
    st.sampled_from(["a", "1", "'x'", '"y z"', "0o7", "1e3", "12:30", "#no", "a#b"]),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda found: f"[{', '.join(found)}]"),
    max_leaves=4,
)
LINES = st.tuples(KEYS, VALUES, st.sampled_from(["", "  # why", "\n# alone", "\n\n  # within"]))


@given(st.lists(LINES, min_size=1, max_size=5, unique_by=lambda one: one[0]))
def test_a_second_pass_never_changes_anything(found: list[tuple[str, str, str]]) -> None:
    text = "".join(f"{key}: {value}{comment}\n" for key, value, comment in found)
    try:
        once = formatted(text, "x")
    except FormatError:
        return
    assert formatted(once, "x") == once
    assert sorted(once.split()) == sorted(text.split())


def test_a_difference_is_one_that_patch_reads() -> None:
    assert difference("a\n", "b\n", "x").splitlines() == ["--- x", "+++ x (formatted)", "@@ -1 +1 @@", "-a", "+b"]

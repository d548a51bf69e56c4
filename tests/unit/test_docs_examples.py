"""What a newcomer copies from the pages works: every configuration in them, and every command line.

A block that begins with ```` ```yaml ```` is a whole configuration; one with ```` ```yaml fragment ```` is a part of one and may
name what stands elsewhere.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.cli.main import _parser, main
from tests.unit.config.files import problems

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for pattern in ("*.md", "docs/*.md", "examples/*.md") for path in ROOT.glob(pattern))
ELSEWHERE = re.compile(
    r": (listeners|routes)(: is required|$)|no (service|filter) named|cannot be read|needs the package"
)
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> Iterator[tuple[str, str, str]]:
    """Every block of code: where, its language, its text."""
    for path in PAGES:
        text = path.read_text()
        for found in BLOCK.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{path.relative_to(ROOT)}:{line}", found[1], found[2]


EXAMPLES = [(place, kind, text) for place, kind, text in blocks() if kind.startswith("yaml")]
COMMANDS = [
    (place, line)
    for place, kind, text in blocks()
    if kind in ("", "sh")
    for line in re.findall(r"^(?:\$ )?(?:[A-Z_]+=\S+ )?(?:envsubst .*\| )?(fastgw .*)$", text, re.MULTILINE)
]


@pytest.mark.parametrize(("place", "kind", "text"), EXAMPLES, ids=[place for place, _, _ in EXAMPLES])
def test_every_configuration_is_one(tmp_path: Path, place: str, kind: str, text: str) -> None:
    assert kind in ("yaml", "yaml fragment"), f"{place}: is it whole, or a fragment?"
    found = problems(tmp_path, text)
    if kind == "yaml fragment":
        found = [problem for problem in found if not ELSEWHERE.search(problem)]
    assert not found


def test_pages_have_whole_configurations() -> None:
    whole = {place.partition(":")[0] for place, kind, _ in EXAMPLES if kind == "yaml"}
    assert {"README.md", "docs/configuration.md", "docs/routing.md"} <= whole


@pytest.mark.parametrize(("place", "line"), COMMANDS, ids=[place for place, _ in COMMANDS])
def test_every_command_line_is_one(place: str, line: str) -> None:
    arguments = shlex.split(line, comments=True)[1:]
    for end in (">", "<", "|"):
        if end in arguments:
            arguments = arguments[: arguments.index(end)]
    if arguments and arguments[0] not in ("0.1.0",):  # what the program prints begins with its name, too
        _parser().parse_args(arguments)


def test_the_first_commands_of_the_readme_do_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = next(text for place, _, text in EXAMPLES if place.startswith("README"))
    path = tmp_path / "gateway.yaml"
    path.write_text(config)
    lines = [line for place, line in COMMANDS if place.startswith("README") and "run" not in line]
    assert len(lines) >= 2
    for line in lines:
        arguments = [str(path) if word == "gateway.yaml" else word for word in shlex.split(line, comments=True)[1:]]
        assert main(arguments) == 0, line
    assert "service  llm-canary (127.0.0.1:9002)" in capsys.readouterr().out


def test_every_script_and_file_of_a_command_is_there() -> None:
    words = {
        word
        for _, kind, text in blocks()
        if kind in ("", "sh")
        for word in re.findall(r"(?<![\w./-])(?:scripts|examples|deploy)/[\w./-]+", text)
    }
    assert len(words) > 3
    assert not [word for word in words if not (ROOT / word).exists()]

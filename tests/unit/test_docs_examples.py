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

from fastgw.cli.main import build_parser, main
from fastgw.core.live.holds import Seat
from fastgw.core.live.registry import Registry
from fastgw.plugins import PluginError
from tests.unit.config.compile_stage import compiled
from tests.unit.config.conftest import registry
from tests.unit.config.files import problems, read
from tests.unit.filters.test_api_key import seat

__all__ = ["registry", "seat"]

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for pattern in ("*.md", "docs/*.md", "examples/*.md") for path in ROOT.glob(pattern))
#: Not in a page: files, and packages that need not be installed.
ELSEWHERE = re.compile(r"cannot be read|needs the package")
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> Iterator[tuple[str, str, str]]:
    """Every block of code: where, its language, its text."""
    for path in PAGES:
        text = path.read_text()
        for found in BLOCK.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{path.relative_to(ROOT)}:{line}", found[1], found[2]


OTHERS = ("yaml envoy", "yaml litellm")  #: configurations of other programs, beside ours
EXAMPLES = [(place, kind, text) for place, kind, text in blocks() if kind.startswith("yaml") and kind not in OTHERS]
#: A line that is a command, and one of a block that has what commands print as well.
COMMAND = (r"^(?:\$ )?(?:[A-Z_]+=\S+ )?(?:envsubst .*\| )?(fastgw .*)$", r"^\$ (fastgw .*?)(?: &)?$")
COMMANDS = [
    (place, line)
    for place, kind, text in blocks()
    if kind in ("", "sh", "console")
    for line in re.findall(COMMAND[kind == "console"], text, re.MULTILINE)
]
#: Those in a sentence that are whole: who names a file means to have it typed.
COMMANDS += [
    (f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}", found[1])
    for path in PAGES
    for text in [path.read_text()]
    for found in re.finditer(r"`(fastgw [a-z][^`\n]* -c [^`\n]+)`", text)
]


def completed(folder: Path, text: str) -> str:
    """A fragment with a frame around it, and with the services and filters that it names, so that all of it is looked at."""
    keys = set(re.findall(r"^(\w+):", text, re.MULTILINE))
    if "services" not in keys:
        text += 'services:\n  framed: {endpoints: ["127.0.0.1:9000"]}\n'
    if "routes" not in keys:
        [first, *_] = re.findall(r"^services:\n(?: *#.*\n)*  ([\w-]+):", text, re.MULTILINE)
        text += f"routes: [{{path: /*, service: {first}}}]\n"
    if "listeners" not in keys:
        text += 'listeners: [{address: "127.0.0.1:8080"}]\n'
    for kind, given in (("service", 'endpoints: ["127.0.0.1:9000"]'), ("filter", "type: request_id")):
        named = re.compile(rf"no {kind} named '([^']+)'").search
        while missing := next((found[1] for one in problems(folder, text) if (found := named(one))), ""):
            if f"\n{kind}s:\n" not in f"\n{text}":
                text += f"{kind}s:\n"
            text = re.sub(rf"^{kind}s:\n", f"{kind}s:\n  {missing}: {{{given}}}\n", text, count=1, flags=re.MULTILINE)
    return text


@pytest.mark.parametrize(("place", "kind", "text"), EXAMPLES, ids=[place for place, _, _ in EXAMPLES])
def test_every_configuration_is_one(tmp_path: Path, place: str, kind: str, text: str) -> None:
    assert kind in ("yaml", "yaml fragment"), f"{place}: is it whole, or a fragment?"
    whole = completed(tmp_path, text) if kind == "yaml fragment" else text
    found = problems(tmp_path, whole)
    if kind == "yaml fragment":
        found = [problem for problem in found if not ELSEWHERE.search(problem)]
    assert not found


@pytest.mark.parametrize(("place", "kind", "text"), EXAMPLES, ids=[place for place, _, _ in EXAMPLES])
def test_a_worker_can_use_every_configuration(
    tmp_path: Path, registry: Registry, seat: Seat, place: str, kind: str, text: str
) -> None:
    text = completed(tmp_path, text)
    if problems(tmp_path, text):
        pytest.skip("it names files or packages")
    spec = read(tmp_path, text)
    if any(one.inside for one in spec.services):
        pytest.skip("it names code")
    registry._plane.seat = seat
    try:
        assert compiled(spec, registry).listeners
    except OSError as error:
        if not isinstance(error.__cause__, PluginError):
            raise
        pytest.skip("it names code")


def test_pages_have_whole_configurations() -> None:
    whole = {place.partition(":")[0] for place, kind, _ in EXAMPLES if kind == "yaml"}
    assert {"README.md", "docs/configuration.md", "docs/routing.md"} <= whole


@pytest.mark.parametrize(("place", "line"), COMMANDS, ids=[place for place, _ in COMMANDS])
def test_every_command_line_is_one(place: str, line: str) -> None:
    arguments = shlex.split(line, comments=True)[1:]
    for end in (">", "<", "|", "||"):
        if end in arguments:
            arguments = arguments[: arguments.index(end)]
    if arguments and arguments[0] not in ("0.1.0",):  # what the program prints begins with its name, too
        build_parser().parse_args(arguments)


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
        if kind in ("", "sh", "console")
        for word in re.findall(r"(?<![\w./-])(?:scripts|examples|deploy)/[\w./-]+", text)
    }
    assert len(words) > 3
    assert not [word for word in words if not (ROOT / word).exists()]

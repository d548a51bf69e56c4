"""Every ```` ```console ```` block of the pages is run, in the order of its page, and prints what the page says.

A line that begins with ``$ `` is a command of bash; one that ends with ``&`` goes on beside those that follow, once it has said what
the page says.  The lines behind it are its output: ``...`` in a line stands for any text, as a line of its own for any lines, and two
spaces for any number of them.  A block of YAML whose first line is ``# NAME.yaml`` is that file.  Ports are replaced by free ones.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import ROOT, wait_until
from tests.support.ports import free_port

pytestmark = pytest.mark.integration

BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = re.compile(r"(?<=[: ])(8080|8081|9000|9001|9002|9901)\b")
PAGES = [
    path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] if "```console\n" in path.read_text()
]
PATIENCE = 30.0  #: seconds for a command to say what it should


def steps(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """The files of a page (name, text) and its commands ("", command, what it prints), in order."""
    for kind, body in BLOCK.findall(text):
        if kind.startswith("yaml") and (named := re.match(r"# ([\w-]+\.yaml)\n", body)):
            yield named[1], body, []
        if kind == "console":
            command = ""
            printed: list[str] = []
            for line in body.splitlines():
                if line.startswith("$ "):
                    if command:
                        yield "", command, printed
                    command, printed = line[2:], []
                else:
                    printed.append(line)
            yield "", command, printed


def pattern(lines: list[str]) -> re.Pattern[str]:
    """What ``lines`` of a page stand for."""

    def words(line: str) -> str:
        return re.sub(r"(?:\\ ){2,}", " +", re.escape(line)).replace(r"\.\.\.", ".*") + r" *\n"

    return re.compile("".join(r"(?:.*\n)*?" if line == "..." else words(line) for line in lines))


class Shell:
    """A folder in which the commands of a page are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[bytes]] = []
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environ = {**os.environ, "PATH": programs, "PYTHONUNBUFFERED": "1"}

    def run(self, command: str, printed: list[str]) -> None:
        wanted = pattern(printed)
        if command.endswith("&"):
            self.start(command[:-1], wanted)
            return
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        said = done.stdout
        said += "\n" if said and not said.endswith("\n") else ""
        assert wanted.fullmatch(said), f"$ {command}\n{said}\nis not\n" + "\n".join(printed)
        assert done.returncode == 0, f"$ {command}\n{said}"

    def start(self, command: str, wanted: re.Pattern[str]) -> None:
        path = self.folder / f"said-{len(self.running)}"
        with path.open("wb") as said:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"], cwd=self.folder, env=self.environ, stdout=said, stderr=said
            )
        self.running.append(process)

        def has_said() -> bool:
            text = path.read_text()
            assert process.poll() is None, f"$ {command}\n{text}"
            return bool(text and wanted.match(text))

        wait_until(has_said, PATIENCE, command)

    def stop(self) -> None:
        for process in reversed(self.running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            process.kill()
            process.wait()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.stop()


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_the_commands_of_a_page_do_what_it_says(page: Path, shell: Shell) -> None:
    text = page.read_text()
    names = sorted(set(PORT.findall(text)))
    ports = {name: free_port() for name in names}

    def moved(text: str) -> str:
        return PORT.sub(lambda found: str(ports[found[1]]), text)

    for name, body, printed in steps(text):
        if name:
            own = "" if "\nadmin:" in body else f"admin: {{address: 127.0.0.1:{free_port()}}}\n"
            (shell.folder / name).write_text(moved(body) + own)
        else:
            shell.run(moved(body), [moved(line) for line in printed])


def test_the_pages_for_newcomers_are_among_them() -> None:
    assert {"README.md", "index.md", "guides.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize(
    ("lines", "text", "fits"),
    [
        (["a"], "a\n", True),
        (["a"], "a\nb\n", False),
        (["a ... c"], "a b c\n", True),
        (["...", "c"], "a\nb\nc\n", True),
        (["...", "c"], "a\nb\n", False),
        (["a", "..."], "a\n", True),
        ([], "a\n", False),
    ],
)
def test_what_is_printed_is_compared(lines: list[str], text: str, fits: bool) -> None:
    assert bool(pattern(lines).fullmatch(text)) is fits

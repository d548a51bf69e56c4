"""The commands: what they accept, what they say of themselves, how fast they are there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fastgw.cli.main import main
from fastgw.config.schema import json_schema
from tests.unit.config.files import MINIMAL

COMMANDS = ("run", "check", "route", "schema", "version", "status", "reload", "drain", "diff", "completion", "man")


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "gw.yaml"
    path.write_text(MINIMAL)
    return str(path)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nope"],
        ["run"],
        ["check"],
        ["check", "x", "-c", "y"],
        ["check", "x", "--format", "xml"],
        ["run", "-c", "x", "--workers", "0"],
        ["run", "-c", "x", "--workers", "many"],
        ["route", "-c", "x", "GET"],
        ["route", "-c", "x", "GET", "/", "-H", "no colon"],
        ["route", "-c", "x", "GET", "/", "-H", ": no name"],
    ],
)
def test_a_wrong_command_line_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: fastgw" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("chekc", "there is no command 'chekc'; did you mean 'check'?"),
        ("rout", "did you mean 'route'?"),
        ("zzz", "there is no command 'zzz'; there are run, check, route, plugins, promote, "),
    ],
)
def test_a_misspelled_command_is_told_the_nearest(word: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([word, "x"])
    assert caught.value.code == 2
    assert meant in capsys.readouterr().err


def test_a_file_in_the_place_of_a_command(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([config])
    assert f"did you mean 'fastgw check {config}' or 'fastgw run -c {config}'?" in capsys.readouterr().err


def test_the_version_is_an_option_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    said = capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == said


def test_the_file_to_check_may_be_an_option(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["-c", config], ["--config", config, "--strict", "--offline"], [config]):
        assert main(["check", *arguments]) == 0
        assert capsys.readouterr().out == f"{config}: fine (1 listener, 1 route, 1 service)\n"
    assert main(["check", "--format", "json", "-c", config]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_help_shows_a_newcomer_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    text = capsys.readouterr().out
    assert caught.value.code == 0
    assert all(f"    {command} " in text for command in COMMANDS)
    _, _, example = text.partition("a configuration to start with:\n")
    path = tmp_path / "start.yaml"
    path.write_text(example.partition('"fastgw COMMAND')[0])
    assert main(["check", str(path)]) == 0
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"usage: fastgw {command}" in capsys.readouterr().out


def test_run_starts_the_supervisor(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []
    supervisor: Any = ModuleType("fastgw.server.supervisor")

    def run(*arguments: Any, is_watched: bool, fleet: Any) -> int:
        assert fleet is None
        calls.append((*arguments, is_watched))
        return 5

    supervisor.run = run
    monkeypatch.setitem(sys.modules, "fastgw.server.supervisor", supervisor)
    assert main(["run", "-c", config]) == 5
    assert main(["run", "--config", config, "--workers", "3"]) == 5
    assert main(["run", config, "--watch"]) == 5
    assert calls == [(config, None, False), (config, 3, False), (config, None, True)]


def test_run_can_only_check(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-c", config, "--check"]) == 0
    assert capsys.readouterr().out == f"{config}: fine (1 listener, 1 route, 1 service)\n"
    assert main(["run", "-c", config + ".none", "--check"]) == 1


def test_schema_is_the_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()


def test_the_program_never_looks_for_garbage_and_a_caller_is_left_alone() -> None:
    show = "print(gc.isenabled(), gc.get_freeze_count() > 0)"
    code = f"import gc; from fastgw.cli.main import main; main(['version']); {show}; main(); {show}"
    found = subprocess.run([sys.executable, "-c", code, "version"], capture_output=True, text=True, check=True)
    assert [line for line in found.stdout.splitlines() if line[0] in "TF"] == ["True False", "False True"]


def test_help_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def usage(columns: str) -> str:
        monkeypatch.setenv("COLUMNS", columns)
        with pytest.raises(SystemExit):
            main(["route", "--help"])
        return capsys.readouterr().out.partition("\n\n")[0]

    assert "\n" not in usage("200") and "\n" in usage("50")
    assert usage("") == usage("x") == usage("80")


def test_a_reader_that_stops_early_is_no_error() -> None:
    for arguments, first in (("schema", "{"), ("--version", "f")):
        command = f"{sys.executable} -m fastgw {arguments} | head -c 1; echo ${{PIPESTATUS[0]}}"
        found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
        assert (found.stdout, found.stderr) == (f"{first}0\n", "")


def test_the_module_can_be_run() -> None:
    found = subprocess.run([sys.executable, "-m", "fastgw", "version"], capture_output=True, text=True, check=True)
    assert found.stdout.startswith("fastgw ")


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (
            ["version"],
            {"pydantic", "yaml", "uvloop", "asyncio", "ssl", "importlib.metadata", "shutil", "fastgw.config.load"},
        ),
        (["check", "CONFIG"], {"uvloop", "asyncio", "ssl", "prometheus_client", "h11"}),
        (
            ["route", "-c", "CONFIG", "GET", "/"],
            {"uvloop", "asyncio", "ssl", "prometheus_client", "h11"},
        ),
    ],
)
def test_commands_import_what_they_need(config: str, arguments: list[str], unwanted: set[str]) -> None:
    """Start-up time is a goal, and imports are what it is made of."""
    arguments = [config if argument == "CONFIG" else argument for argument in arguments]
    code = f"import sys; from fastgw.cli.main import main; main({arguments!r}); print(*sys.modules, file=sys.stderr)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(found.stderr.split())
    assert not unwanted & imported
    rooms = (
        "settings",
        "cache_settings",
        "credential_settings",
        "websocket_settings",
        "bridge_settings",
        "sources",
        "exchange",
        "exchange.about",
    )
    light = {f"fastgw.core.{room}" for room in rooms}
    assert {name for name in imported if name.startswith("fastgw.core.")} <= light

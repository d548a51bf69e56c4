"""``fastgw register``: its arguments, and the program's exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.cli.main import main
from tests.support.ports import free_port

NEEDED = ["register", "--service", "vision", "--address", "127.0.0.1:9000"]


def etcd() -> list[str]:
    return ["--etcd", f"http://127.0.0.1:{free_port()}"]


def test_the_exit_code_is_that_of_the_program(capfd: pytest.CaptureFixture[str]) -> None:
    more = ["--metadata", "gpu=h100", "--version", "1.10", "--ttl", "5s", "--drain", "0"]
    assert main([*NEEDED, *etcd(), *more, "--", "sh", "-c", "echo $0 $1; exit 5", "--", "--weight"]) == 5
    assert capfd.readouterr().out == "-- --weight\n"


def test_the_password_is_none_of_the_program(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FASTGW_ETCD_PASSWORD", "secret")
    assert main([*NEEDED, *etcd(), "--user", "vision", "--", "sh", "-c", "echo [$FASTGW_ETCD_PASSWORD]"]) == 0
    assert capfd.readouterr().out == "[]\n"


def test_a_password_without_a_user(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FASTGW_ETCD_PASSWORD", "secret")
    assert main([*NEEDED, *etcd(), "--", "true"]) == 2
    assert "no --user" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "there is no command"),
        (["--weight", "0", "--", "true"], "weight"),
        (["--address", "vision:9000", "--", "true"], "no IP address"),
        (["--ttl", "1s", "--", "true"], "time to live"),
        (["--etcd", "127.0.0.1", "--", "true"], "no endpoint of etcd"),
        (["--health", "x", "--", "true"], "no URL"),
        (["--tag", "gpu", "--", "true"], "--tag is of Consul"),
    ],
)
def test_wrong_arguments_start_nothing(more: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*NEEDED, *etcd(), *more]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--consul", "127.0.0.1", "--", "true"], "no endpoint of Consul"),
        (["--consul", "http://127.0.0.1:1", "--user", "me", "--", "true"], "--user is of etcd"),
        (["--consul", "http://127.0.0.1:1", "--metadata", "a b=c", "--", "true"], "no name of metadata in Consul"),
    ],
)
def test_wrong_arguments_about_consul(more: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*NEEDED, *more]) == 2
    assert words in capsys.readouterr().err


def test_the_token_of_consul_is_none_of_the_program(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FASTGW_CONSUL_TOKEN", "secret")
    consul = ["--consul", f"http://127.0.0.1:{free_port()}", "--tag", "gpu"]
    assert main([*NEEDED, *consul, "--", "sh", "-c", "echo [$FASTGW_CONSUL_TOKEN]"]) == 0
    assert capfd.readouterr().out == "[]\n"


def test_it_is_registered_somewhere_and_not_twice() -> None:
    for where in ([], [*etcd(), "--consul", "http://127.0.0.1:1"]):
        with pytest.raises(SystemExit) as caught:
            main([*NEEDED, *where, "--", "true"])
        assert caught.value.code == 2


@pytest.mark.parametrize("more", [["--metadata", "gpu"], ["--metadata", "=x"], ["--drain", "soon"], ["--weight", "x"]])
def test_so_do_those_that_the_parser_refuses(more: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*NEEDED, *etcd(), *more, "--", "true"])
    assert caught.value.code == 2


def test_programs_that_cannot_be_started(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    assert main([*NEEDED, *etcd(), "--", str(tmp_path / "none")]) == 127
    assert main([*NEEDED, *etcd(), "--", str(tmp_path / "file")]) == 126
    assert "there is no program" in (said := capsys.readouterr().err) and "cannot be started" in said

"""``fastgw config``: what is pushed, read, listed and taken back, and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fastgw.cli.main import main
from fastgw.fleet.records import PROMOTED, Canary, FleetKeys, FleetRollout
from tests.support.etcd_model import EtcdModel
from tests.unit.config.files import MINIMAL

KEYS = FleetKeys("/fastgw/edge")
OTHER = MINIMAL + "zone: b\n"

Run = Callable[..., int]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> EtcdModel:
    model = EtcdModel()
    monkeypatch.setattr("fastgw.discovery.etcd_client.EtcdClient", lambda _: model)
    monkeypatch.setenv("FASTGW_ETCD", "http://127.0.0.1:1")
    monkeypatch.setenv("FASTGW_KEY", KEYS.root)
    return model


def push(path: Path, text: str, *more: str) -> int:
    file = path / "gateway.yaml"
    file.write_text(text)
    return main(["config", "push", str(file), "--no-wait", *more])


def test_what_is_pushed_is_pulled_and_listed(
    model: EtcdModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(tmp_path, MINIMAL, "-m", "the first") == 0
    assert capsys.readouterr().out == "generation 1 is pushed to /fastgw/edge\n"
    assert push(tmp_path, OTHER, "--canary", "20%", "--hold", "1m") == 0
    capsys.readouterr()
    assert main(["config", "pull"]) == 0
    assert capsys.readouterr().out == OTHER
    assert main(["config", "pull", "1", "-o", str(tmp_path / "old.yaml")]) == 0
    assert (tmp_path / "old.yaml").read_text() == MINIMAL
    assert (tmp_path / "old.yaml").stat().st_mode & 0o777 == 0o600
    model.put(KEYS.rollout.encode(), FleetRollout(2, "canary", 1, 0, ("edge-1",)).write())
    capsys.readouterr()
    assert main(["config", "history"]) == 0
    second, first = capsys.readouterr().out.splitlines()
    assert second.split()[0] == "2" and second.endswith("canary")
    assert "in use" in first and first.endswith("the first") and "@" in first
    assert main(["config", "history", "--format", "json", "-n", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rollout"]["canaries"] == ["edge-1"]
    ((one),) = told["generations"]
    assert (one["number"], one["canary"]) == (2, Canary(0.2, 60.0)._asdict()) and "text" not in one


def test_a_file_with_mistakes_is_not_pushed(
    model: EtcdModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(tmp_path, MINIMAL + "nonsense: 1\n") == 1
    said = capsys.readouterr().err
    assert "gateway.yaml:" in said and "nonsense" in said and "nothing is pushed" in said
    assert model.keys() == {}


def test_what_is_missing_here_may_be_on_the_gateways(model: EtcdModel, tmp_path: Path) -> None:
    text = MINIMAL + "zone: ${ZONE_OF_A_GATEWAY}\n"
    assert push(tmp_path, text) == 1
    assert push(tmp_path, text, "--no-check") == 0
    assert len(model.keys()) == 2


def test_an_older_one_comes_back_as_a_new_one(
    model: EtcdModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    push(tmp_path, MINIMAL, "-m", "the first")
    push(tmp_path, OTHER)
    capsys.readouterr()
    assert main(["config", "rollback", "--no-wait"]) == 1
    assert "nothing that was promoted before" in capsys.readouterr().err
    model.put(KEYS.rollout.encode(), FleetRollout(2, PROMOTED, 2, 1).write())
    assert main(["config", "rollback", "--no-wait"]) == 0
    assert capsys.readouterr().out == "generation 3 is pushed to /fastgw/edge, the text of generation 1\n"
    assert main(["config", "history"]) == 0
    assert "of 1" in (line := capsys.readouterr().out.splitlines()[0]) and line.endswith(
        "back to generation 1: the first"
    )
    assert main(["config", "rollback", "2", "--no-wait", "-m", "again"]) == 0
    assert main(["config", "pull"]) == 0
    assert capsys.readouterr().out.endswith(OTHER)


@pytest.mark.parametrize(
    "arguments",
    [
        ["push", "none.yaml"],
        ["push", "-", "--hold", "30s"],
        ["pull", "--etcd", "nowhere"],
        ["history", "--key", "edge"],
    ],
)
def test_wrong_arguments_ask_nobody(model: EtcdModel, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", *arguments]) == 2
    assert "fastgw config: " in capsys.readouterr().err
    assert model.asked == []


@pytest.mark.parametrize(
    "arguments",
    [[], ["pull", "0"], ["pull", "x"], ["push", "a", "--canary", "0"], ["push", "a", "--canary", "101%"], ["history", "-n", "0"]],
)  # fmt: skip
def test_so_do_those_that_the_parser_refuses(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["config", *arguments])
    assert caught.value.code == 2


def test_an_etcd_that_is_away_is_told(model: EtcdModel, capsys: pytest.CaptureFixture[str]) -> None:
    model.stop()
    assert main(["config", "pull"]) == 1
    assert capsys.readouterr().err == "fastgw config: nobody is there\n"


def test_what_is_not_there_is_told(model: EtcdModel, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "history"]) == 0
    assert "nothing was pushed" in capsys.readouterr().out
    assert main(["config", "pull", "3"]) == 1
    assert "no generation 3" in capsys.readouterr().err
    model.put(KEYS.generation(3).encode(), b"?")
    assert main(["config", "pull", "3"]) == 1
    assert main(["config", "history"]) == 0
    assert "cannot be read: /fastgw/edge/generations/0000000003: it is no JSON" in capsys.readouterr().out

"""When root is given up: who is started anew, and when it is too late."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.spec import UserSpec
from fastgw.errors import ConfigError
from fastgw.server import privileges
from fastgw.server.user import Descent, is_likely, stay

USER = UserSpec("somebody", 4711, 42)
ROOT = UserSpec("root", 0, 0)


class Place:
    """Of a worker, of which the journal tells."""

    def __init__(self, index: int, pid: int, journal: list[str]) -> None:
        self.index, self.pid, self._journal = index, pid, journal

    def end(self) -> None:
        self._journal.append(f"end {self.index}")
        self.pid = 0

    def spawn(self) -> None:
        self._journal.append(f"spawn {self.index}")


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(privileges, "become", lambda user: found.append(f"become {user.name}"))
    monkeypatch.setattr(privileges, "renounce", lambda user: found.append(f"renounce {user.name}"))
    return found


def descent(journal: list[str]) -> Descent:
    places: list[Any] = [Place(0, 100, journal), Place(1, 0, journal)]
    return Descent(places)


def test_workers_of_root_are_ended_before_and_started_after(journal: list[str]) -> None:
    made = descent(journal)
    made.become(USER)
    made.finish()
    assert (
        journal == ["end 0", "end 1", "become somebody", "spawn 0", "spawn 1", "renounce somebody"]
        and made.user == USER
    )


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        ("user: nobody\n", True),
        ("workers: 1\nuser: nobody", True),
        ("# user: nobody", False),
        ("services: {user: a}", False),
    ],
)
def test_a_file_that_seems_to_name_somebody_is_seen(
    journal: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, is_so: bool
) -> None:
    file = tmp_path / "g.yaml"
    file.write_text(text)
    assert is_likely(str(file)) is is_so
    assert not is_likely(str(tmp_path / "none")) and not is_likely("a\0b")  # who reads it says why it cannot be
    os.mkfifo(tmp_path / "pipe")
    assert not is_likely(str(tmp_path / "pipe"))  # nor is it read, which would take what it has
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert not is_likely(str(file))


def test_who_is_that_already_does_nothing(journal: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    made = descent(journal)
    made.become(ROOT)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    made.become(USER)
    made.finish()
    assert journal == [] and made.user is None


def test_a_gateway_that_serves_stays_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    stay(ROOT)
    with pytest.raises(ConfigError, match="becomes somebody at a start only: restart it"):
        stay(USER)
    with pytest.raises(ConfigError, match="becomes user 5 at"):
        stay(UserSpec("", 5, 5))
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    stay(USER)

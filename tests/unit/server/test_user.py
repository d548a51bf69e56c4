"""When root is given up: who is started anew, and when it is too late."""

from __future__ import annotations

import os
from typing import Any

import pytest

from fastgw.config.spec import UserSpec
from fastgw.errors import ConfigError
from fastgw.server import privileges
from fastgw.server.user import Descent, stay

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
    assert journal == ["end 0", "become somebody", "spawn 0", "renounce somebody"] and made.user == USER


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

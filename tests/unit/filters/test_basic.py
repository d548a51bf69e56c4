"""``basic``: whose password is right, that nobody learns more, and that no loop waits for it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from fastgw.core import counters
from fastgw.core.labels import DENIERS
from fastgw.filters import basic
from fastgw.filters.basic import Basic
from fastgw.testing.edge import OK, Edge, Spy, body_of, head_of, statuses

DENIED = counters.ROUTE_DENIED + DENIERS.index("basic")
SECRET = "correct horse"


def hashed(password: str) -> bytes:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4))


class Thread:
    """Does what it is given when the test says so."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Callable[[], bool], Future[bool]]] = []
        self.done = 0

    def submit(self, job: Callable[[], bool]) -> Future[bool]:
        future: Future[bool] = Future()
        self.jobs.append((job, future))
        return future

    def work(self) -> None:
        """All of it."""
        jobs, self.jobs = self.jobs, []
        for job, future in jobs:
            self.done += 1
            future.set_result(job())


class Stage:
    """The filter with its file, and a thread in the hands of the test."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.path = folder / "users"
        self.path.write_bytes(b"ann:%b\nb\xc3\xb6b:%b\n" % (hashed(SECRET), hashed("pä:ss")))
        self.thread = Thread()
        said = {"file": str(self.path), "realm": "", "forward": False, "header": "", "cache": 4}
        self.filter = Basic("auth", said | options, self.thread.submit)
        self.told: list[Any] = []
        spy = Spy("spy", [], done=lambda exchange: self.told.append((exchange.notes, exchange.error)))
        self.edge = Edge(filters=[spy, self.filter])
        self.filter.start(self.edge.loop)

    def ask(self, user: str | None = "ann", password: str = SECRET, *fields: str) -> Any:
        """A client, when its password has been tried."""
        client = self.edge.client(asked(user, password, *fields))
        self.thread.work()
        self.edge.run()
        return client

    def status(self, user: str | None = "ann", password: str = SECRET, *fields: str) -> list[int]:
        """What it was answered; nothing: it goes to the service."""
        return statuses(self.ask(user, password, *fields).take())


def asked(user: str | None, password: str = SECRET, *fields: str) -> bytes:
    lines = ["GET / HTTP/1.1", "Host: a.test"]
    if user is not None:
        lines.append("Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
    return "".join(f"{line}\r\n" for line in (*lines, *fields, "")).encode()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.filter.stop()
    made.edge.end()


def test_the_right_password_lets_through(stage: Stage) -> None:
    client = stage.ask()
    service = stage.edge.connect()
    assert b"authorization" not in service.take().lower()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert stage.told == [({"basic": "ann"}, None)]


@pytest.mark.parametrize(
    ("user", "password"),
    [("ann", "wrong"), ("ann", ""), ("eve", SECRET), ("", ""), ("ann", SECRET + "x" * 80), ("ann", SECRET + "\0")],
)
def test_another_one_does_not_and_all_are_told_the_same(stage: Stage, user: str, password: str) -> None:
    data = stage.ask(user, password).take()
    assert statuses(data) == [401]
    assert b'www-authenticate: basic realm="auth", charset="utf-8"\r\n' in head_of(data)
    problem = json.loads(body_of(data))
    assert (problem["type"], problem["detail"]) == (
        "urn:fastgw:error:invalid_credentials",
        "this is not the password of a user",
    )
    (_, error), *_ = stage.told
    assert error.reason == "this is not the password of a user, says the filter 'auth'"
    assert stage.edge.of_route(DENIED) == 1


def test_nobody_learns_which_users_there_are_by_the_time_it_takes(stage: Stage) -> None:
    assert stage.status("eve", SECRET) == stage.status("ann", "x") == stage.status("ann", "x" * 80) == [401]
    assert stage.thread.done == 3
    assert stage.filter._dummy[:7] == b"$2b$04$"  # as dear as the dearest of the file


@pytest.mark.parametrize(
    "field",
    [
        "Basic",
        "Basic YW5u",  # no colon
        "Basic YW5uOmNvcnJlY3QgaG9yc2U",  # no padding
        "Basic YW5uOmNvcnJlY3QgaG9yc2U=x",
        "Basic YW5uOm Nv",
        "Basic " + "A" * 2000,
    ],
)
def test_what_cannot_be_read_is_refused_untried(stage: Stage, field: str) -> None:
    assert stage.status(None, "", f"Authorization: {field}") == [401]
    assert stage.thread.done == 0


def test_without_any_the_client_is_asked_for_them(stage: Stage) -> None:
    for fields in ((), ("Authorization: Bearer x",)):
        data = stage.ask(None, "", *fields).take()
        assert statuses(data) == [401]
        assert json.loads(body_of(data))["type"] == "urn:fastgw:error:no_credentials"
        assert b"www-authenticate: basic " in head_of(data)
    assert stage.status("ann", SECRET, "Authorization: Basic YTpi") == [400]


def test_what_was_right_is_remembered_until_the_file_changes(stage: Stage) -> None:
    assert [stage.status() for _ in range(3)] == [[]] * 3
    assert stage.thread.done == 1
    stage.path.write_bytes(b"ann:" + hashed("another"))
    stage.filter._file._lookout.look()
    stage.edge.run()
    assert stage.status() == [401]
    assert stage.status("ann", "another") == []


def test_what_was_wrong_is_not_remembered_and_neither_are_too_many(stage: Stage) -> None:
    assert [stage.status("ann", "x") for _ in range(2)] == [[401]] * 2
    assert stage.thread.done == 2
    stage.path.write_bytes(b"".join(b"u%d:%b\n" % (number, hashed("x")) for number in range(6)))
    stage.filter._file._lookout.look()
    stage.edge.run()
    assert [stage.status(f"u{number}", "x") for number in range(6)] == [[]] * 6
    assert len(stage.filter._cache) == 4


def test_a_password_that_is_tried_while_the_file_changes_is_not_remembered(stage: Stage) -> None:
    client = stage.edge.client(asked("ann"))
    os.utime(stage.path, ns=(1, 1))
    stage.filter._file._lookout.look()
    stage.edge.run()
    stage.thread.work()
    stage.edge.run()
    assert statuses(client.take()) == []  # it was right when it came
    assert stage.filter._cache == {}


def test_the_same_is_tried_once_for_all_who_ask(stage: Stage) -> None:
    clients = [stage.edge.client(asked("ann")) for _ in range(3)]
    clients[0].lose()  # the others wait on
    stage.edge.run()
    stage.thread.work()
    stage.edge.run()
    assert stage.thread.done == 1
    assert [statuses(one.take()) for one in clients[1:]] == [[], []]
    assert len(stage.filter._cache) == 1 and not stage.filter._trying


def test_no_more_than_some_wait(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basic, "MOST_WAITING", 2)
    answers = [stage.edge.client(asked("ann", f"x{number}")).take() for number in range(3)]
    assert [statuses(one) for one in answers] == [[], [], [503]]
    assert json.loads(body_of(answers[2]))["type"] == "urn:fastgw:error:credentials_busy"
    stage.thread.work()
    stage.edge.run()
    assert stage.status() == []


def test_a_thread_of_its_own_does_the_work(tmp_path: Path) -> None:
    users = {b"ann": hashed(SECRET)}
    made = Basic("auth", {"file": "", "realm": "", "forward": False, "header": "", "cache": 4})
    edge = Edge(filters=[made])
    made._loop = edge.loop
    made._take(users)
    client = edge.client(asked("ann", "wrong"))
    made._submit(lambda: True).result(10)  # type: ignore[misc]  # behind the other in its line
    edge.run()
    assert statuses(client.take()) == [401]
    edge.end()


def test_the_service_is_told_who_it_is_and_not_by_the_client(tmp_path: Path) -> None:
    stage = Stage(tmp_path, header="x-user", forward=True)
    stage.ask("böb", "pä:ss", "X-User: eve", "X_User: eve")
    head = stage.edge.connect().take()
    assert [line for line in head.split(b"\r\n") if b"ser" in line.split(b":")[0].lower()] == ["x-user: böb".encode()]
    assert b"authorization: basic " in head.lower()
    stage.filter.stop()
    stage.edge.end()


def test_without_a_file_nothing_begins(tmp_path: Path) -> None:
    made = Basic("auth", {"file": str(tmp_path / "none"), "realm": "", "forward": False, "header": "", "cache": 4})
    with pytest.raises(FileNotFoundError):
        made.start(Edge().loop)

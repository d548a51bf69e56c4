"""The admin socket: who may ask, how much, and for how long."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fastgw.server import admin_socket
from fastgw.server.admin_http import AdminHttp
from fastgw.server.admin_socket import AdminSocket, credentials
from fastgw.server.guard import OPERATOR, READER, Guard
from fastgw.server.log import Log
from fastgw.server.page import Page, PageRequest, table
from fastgw.server.status import Content
from tests.unit.server.test_rollouts import played


class Asked:
    """What answers, and a log."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.lines: list[tuple[str, dict[str, Any]]] = []

    async def __call__(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.requests.append(request)
        return {"ok": True}

    def error(self, event: str, **fields: Any) -> None:
        """As a log."""
        self.lines.append((event, fields))

    warning = error


def made(asked: Any, user: int | None = None) -> AdminSocket:
    return AdminSocket(asked, http(), asked, None if user is None else lambda _: (7, user))


def http() -> AdminHttp:
    """One page for readers, one order."""

    async def answer(one: PageRequest) -> Content:
        return Content(200, b"done for " + one.client.encode())

    both = [Page("GET", "/page", READER, "", answer, {}), Page("POST", "/order", OPERATOR, "", answer, {})]
    return AdminHttp(table(both), Guard(), Log("test", fd=-1))


async def say(path: Path, data: bytes) -> Any:
    """The answer to ``data``; None: the connection ended without one."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(data)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return json.loads(answer) if answer else None


@played
async def test_one_line_in_one_line_out_for_its_owner_alone(tmp_path: Path) -> None:
    asked, path = Asked(), tmp_path / "admin.sock"
    served = made(asked)
    await served.move(str(path))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert await say(path, b'{"do": "versions"}\n') == {"ok": True}
    assert asked.requests == [{"do": "versions"}]
    await served.stop()
    assert not path.exists()


@pytest.mark.parametrize(
    "data", [b"\n", b"[]\n", b"-\n", b'"x"\n', b"\xff\n", b"{" * 3000 + b"\n", b'{"do": "' + b"x" * 5000 + b'"}\n']
)
@played
async def test_what_is_no_request_is_told_so(tmp_path: Path, data: bytes) -> None:
    asked, path = Asked(), tmp_path / "admin.sock"
    served = made(asked)
    await served.move(str(path))
    assert (await say(path, data))["error"] == "bad_request"
    assert asked.requests == []
    await served.stop()


@played
async def test_somebody_else_may_not_ask(tmp_path: Path) -> None:
    asked, path = Asked(), tmp_path / "admin.sock"
    served = made(asked, os.geteuid() + 1)
    await served.move(str(path))
    assert (await say(path, b'{"do": "versions"}\n'))["error"] == "not_allowed"
    assert (asked.requests, asked.lines[0][0]) == ([], "somebody else asks at the admin socket")
    await served.stop()


@played
async def test_root_may_ask(tmp_path: Path) -> None:
    asked, path = Asked(), tmp_path / "admin.sock"
    served = made(asked, 0)
    await served.move(str(path))
    assert await say(path, b"{}\n") == {"ok": True}
    await served.stop()


def test_the_kernel_says_who_is_there() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert credentials(one) == (os.getpid(), os.geteuid())


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_socket, "READ_LIMIT", 0.01)
    monkeypatch.setattr(admin_socket, "CONNECTIONS", 1)


@played
async def test_who_says_nothing_is_not_waited_for(tmp_path: Path, hurried: None) -> None:
    asked, path = Asked(), tmp_path / "admin.sock"
    served = made(asked)
    await served.move(str(path))
    assert await say(path, b'{"do"') is None
    assert asked.requests == []
    await served.stop()


@played
async def test_a_question_that_fails_ends_nothing(tmp_path: Path) -> None:
    asked, path = Asked(), tmp_path / "admin.sock"

    async def broken(_: Any) -> dict[str, Any]:
        raise RuntimeError("a bug")

    served = AdminSocket(broken, http(), asked)  # type: ignore[arg-type]
    await served.move(str(path))
    assert await say(path, b"{}\n") is None
    assert asked.lines == [("the admin socket failed", {"error": "RuntimeError('a bug')"})]
    await served.stop()


@played
async def test_it_moves_and_what_is_in_the_way_is_told(tmp_path: Path) -> None:
    asked, first, second = Asked(), tmp_path / "a.sock", tmp_path / "b.sock"
    served = made(asked)
    await served.move(str(first))
    await served.move(str(first))
    await served.move(str(second))
    assert (first.exists(), second.exists()) == (False, True)
    other = made(asked)
    await other.move(str(second))
    ((event, fields),) = asked.lines
    assert event.startswith("the admin socket cannot be opened")
    assert "the address is taken" in fields["problems"][0]
    assert await say(second, b"{}\n") == {"ok": True}  # of the one that was there
    await served.move("")
    assert not second.exists()
    await other.move(str(second))  # the way is free
    assert await say(second, b"{}\n") == {"ok": True}
    await other.stop()


@pytest.mark.parametrize(
    ("user", "request_line", "status", "contains"),
    [
        (None, b"GET /page", b"200", b"done for user"),
        (None, b"POST /order", b"200", b"done for user"),
        (None, b"GET /order", b"405", b"method_not_allowed"),
        (-5, b"GET /page", b"403", b"not_allowed"),
        (-5, b"POST /order", b"403", b"not_allowed"),
        (None, b"hello", b"400", b"malformed"),
    ],
)
@played
async def test_it_speaks_http_too(
    tmp_path: Path, user: int | None, request_line: bytes, status: bytes, contains: bytes
) -> None:
    path = tmp_path / "admin.sock"
    served = made(Asked(), user)
    await served.move(str(path))
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(request_line + b" HTTP/1.1\r\nhost: anything\r\nconnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 " + status) and contains in answer
    writer.close()
    await served.stop()


@played
async def test_a_path_that_is_too_long_is_told_and_stops_nothing(tmp_path: Path) -> None:
    asked = Asked()
    served = made(asked)
    await served.move(str(tmp_path / ("x" * 120)))
    ((event, fields),) = asked.lines
    assert event.startswith("the admin socket cannot be opened") and "too long" in fields["problems"][0]
    await served.move(str(tmp_path / "short.sock"))
    assert await say(tmp_path / "short.sock", b"{}\n") == {"ok": True}
    await served.stop()


@played
async def test_who_waits_when_it_stops_is_ended_and_not_cancelled(tmp_path: Path) -> None:
    path, asked = tmp_path / "admin.sock", Asked()
    served = made(asked)
    await served.move(str(path))
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"GET /page HTTP/1.1\r\nhost: anything\r\n\r\n")
    await asyncio.wait_for(reader.readuntil(b"done for"), 10)
    before = asyncio.all_tasks()
    await served.stop()
    assert asyncio.all_tasks() < before
    assert asked.lines == []
    writer.close()

"""Live values of a gateway, over a unix socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fastgw.cli import looks
from fastgw.cli.looks import Looks

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(looks, "AGAIN", 0.01)
    return tmp_path / "s"


@pytest.fixture
def looks_at(path: Path) -> Iterator[Callable[[], Looks]]:
    """Makes one, whose thread ends with the test."""
    made: list[Looks] = []

    def make() -> Looks:
        made.append(Looks(str(path)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def server(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        yield listening


def say(server: socket.socket, *answers: bytes) -> None:
    """Each of these to one connection, which is closed then."""

    def serve() -> None:
        for answer in answers:
            client, _ = server.accept()
            with client:
                client.recv(65536)
                client.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_looks_come_and_the_end_and_looks_again(server: socket.socket, looks_at: Callable[[], Looks]) -> None:
    tail = chunk(b'event: tail\ndata: {"ends": []}\n\n')  # of the dashboard alone
    events = (
        tail + chunk(b"retry: 2000\n\n") + chunk(b'data: {"at": 1}\n\nda') + chunk(b'ta: {"at": 2}\n\n') + b"0\r\n\r\n"
    )
    say(server, HEAD + events, HEAD + chunk(b'data: {"at": 3}\n\n') + b"0\r\n\r\n")
    found = looks_at()
    assert [found.next(10) for _ in range(4)] == [{"at": 1}, {"at": 2}, "it has ended the connection", {"at": 3}]


def test_why_there_are_none_is_told(server: socket.socket, looks_at: Callable[[], Looks]) -> None:
    full = b'{"detail": "16 watch already"}'
    say(
        server,
        b"HTTP/1.1 503 Busy\r\nContent-Length: %d\r\n\r\n%b" % (len(full), full),
        b"HTTP/1.1 404 No\r\n\r\n",
        b"",
    )
    found = looks_at()
    assert found.next(10) == "503: 16 watch already"
    assert found.next(10) == "404 No"
    assert isinstance(found.next(10), str)


def test_nobody_is_there(looks_at: Callable[[], Looks]) -> None:
    found = looks_at()
    assert found.next(10) == "No such file or directory"
    assert found.next(0.0) in (None, "No such file or directory")

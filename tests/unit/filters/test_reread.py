"""A file that is read again: when, and what happens when it cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.filters.reread import RereadFile
from fastgw.testing.edge import GET, Edge, Spy


class Reader:
    """One, and what it has said."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[bytes] = []
        self.file: RereadFile[bytes] = RereadFile(str(path), self._parse, self.said.append)
        self.edge = Edge(filters=[Spy("spy", [], request=lambda exchange: self.file.complain(exchange, "auth"))])

    def _parse(self, data: bytes) -> bytes:
        if data.startswith(b"bad"):
            raise ValueError("is bad")
        return data

    def replace(self, data: bytes) -> None:
        """Another file in its place."""
        other = self.path.with_suffix(".new")
        other.write_bytes(data)
        os.replace(other, self.path)
        self.look()

    def look(self) -> None:
        """What the thread does every second."""
        self.file._lookout.look()
        self.edge.run()

    def complaints(self) -> list[object]:
        """What the log was told when a request came."""
        self.edge.client(GET)
        said = "a file cannot be read again, so what it said before stays in use"
        return [(one["filter"], one["reason"]) for one in self.edge.events(said)]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    (tmp_path / "file").write_bytes(b"one")
    made = Reader(tmp_path / "file")
    yield made
    made.file.stop()
    made.edge.end()


def test_it_is_read_when_it_has_changed(reader: Reader) -> None:
    reader.file.start(reader.edge.loop)
    assert reader.said == [b"one"]
    reader.look()
    assert reader.said == [b"one"]
    reader.replace(b"two")  # of the same size
    reader.look()
    reader.path.write_bytes(b"three")
    reader.look()
    assert reader.said == [b"one", b"two", b"three"]
    assert reader.complaints() == []


def test_what_cannot_be_read_leaves_what_was_known_and_is_told_once(reader: Reader) -> None:
    reader.file.start(reader.edge.loop)
    reader.replace(b"bad one")
    reader.look()
    assert reader.complaints() == reader.complaints() == [("auth", "is bad")]
    reader.replace(b"bad two")
    assert reader.said == [b"one"]
    assert reader.complaints() == [("auth", "is bad")]
    reader.path.unlink()
    reader.look()
    assert len(reader.complaints()) == 2
    reader.replace(b"three")
    assert reader.said == [b"one", b"three"]
    reader.replace(b"bad one")
    assert reader.complaints()[2:] == [("auth", "is bad")]


def test_without_it_nothing_begins(reader: Reader) -> None:
    reader.path.write_bytes(b"bad")
    with pytest.raises(OSError, match="file: is bad"):
        reader.file.start(reader.edge.loop)
    reader.path.unlink()
    with pytest.raises(FileNotFoundError):
        reader.file.start(reader.edge.loop)

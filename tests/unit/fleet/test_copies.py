"""What a node has on its disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fastgw.fleet.copies import NodeCopies
from fastgw.fleet.records import TEXT_MOST, Generation, RecordError, digest_of

SEVENTH = Generation(7, "a: 1\n", digest_of("a: 1\n"), "ann@desk", 0.0)


def test_what_is_written_is_read_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    copies = NodeCopies(str(path))
    assert (copies.text(), copies.good()) == ("", None)
    path.write_text("b: 2\n")
    path.chmod(0o644)
    copies.write("a: 1\n")
    copies.keep(SEVENTH)
    assert (copies.text(), copies.good()) == ("a: 1\n", SEVENTH)
    for file in (path, Path(copies.good_path)):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["edge.yaml", "edge.yaml.good"]


def test_the_same_is_not_written_again(tmp_path: Path) -> None:
    copies = NodeCopies(str(tmp_path / "edge.yaml"))
    copies.write("a: 1\n")
    before = (tmp_path / "edge.yaml").stat().st_ino
    copies.write("a: 1\n")
    assert (tmp_path / "edge.yaml").stat().st_ino == before


@pytest.mark.parametrize("content", [b"", b"{}", b"?", b"x" * 2_000_000, SEVENTH.write().replace(b"a: 1", b"a: 2")])
def test_what_is_no_good_copy_is_told(tmp_path: Path, content: bytes) -> None:
    copies = NodeCopies(str(tmp_path / "edge.yaml"))
    Path(copies.good_path).write_bytes(content)
    with pytest.raises(RecordError) as caught:
        copies.good()
    assert caught.value.key == copies.good_path


@pytest.mark.parametrize("content", [b"\xff", b"x" * (TEXT_MOST + 1)])
def test_what_is_no_text_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "edge.yaml"
    path.write_bytes(content)
    assert NodeCopies(str(path)).text() == ""


def test_where_nothing_can_be_written_that_is_an_error_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    copies = NodeCopies(str(path))
    copies.write("a: 1\n")
    (tmp_path / "edge.yaml.new").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        copies.write("b: 2\n")
    assert copies.text() == "a: 1\n" and not (tmp_path / "elsewhere").exists()

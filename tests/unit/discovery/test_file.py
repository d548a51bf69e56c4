"""Members in a file: when it is read, what is told, and what is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fastgw.core.sources import FileSettings
from fastgw.discovery.file import COARSEST, LARGEST, SETTLE, SETTLE_MOST, FileSource
from fastgw.discovery.listing import SourceError
from tests.unit.discovery.played import Played, play

INTERVAL = 7.0


class Stage:
    """A file, and who watches it."""

    def __init__(self, played: Played, path: Path) -> None:
        self.played = played
        self.path = path
        self.now = path.stat().st_mtime + 100 if path.exists() else 0.0
        self.source = FileSource(FileSettings(str(path), INTERVAL), played.sleep, lambda: self.now)

    async def begin(self) -> None:
        self.played.begin(self.source)
        await self.played.pauses_until(INTERVAL)

    async def write(self, text: str) -> None:
        self.path.write_text(text)
        await self.played.pauses_until(INTERVAL)


def listing_of(tmp_path: Path, text: str, name: str = "members.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_it_is_told_first_and_when_it_reads_otherwise(tmp_path: Path) -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, listing_of(tmp_path, "- 10.0.0.5:9000\n- what\n"))
        await stage.begin()
        assert played.addresses == ["10.0.0.5:9000"]
        assert [one.entry for one in played.told[0].skipped] == ["line 2"]
        assert played.told[0].revision.startswith("sha256:")
        await stage.write("- 10.0.0.5:9000\n- 10.0.0.6:9000\n")
        assert played.addresses == ["10.0.0.5:9000", "10.0.0.6:9000"]
        await stage.write("[]")
        assert played.addresses == [] and len(played.told) == 3
        os.utime(stage.path, (1, 1))  # looks otherwise, reads the same
        await played.pauses_until(INTERVAL)
        assert len(played.told) == 3

    play(story)


def test_a_file_that_looks_the_same_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, listing_of(tmp_path, "- 10.0.0.5:9000\n"))
        await stage.begin()
        monkeypatch.delattr(FileSource, "_read")
        for _ in range(3):
            assert await played.pause() == INTERVAL

    play(story)


def test_what_is_written_within_one_tick_of_the_file_system_is_seen(tmp_path: Path) -> None:
    """Same size, same time: only a second reading shows it."""

    async def story(played: Played) -> None:
        stage = Stage(played, listing_of(tmp_path, "- 10.0.0.5:9000\n"))
        before = stage.path.stat()
        stage.now = before.st_mtime + COARSEST / 2
        await stage.begin()
        stage.path.write_text("- 10.0.0.6:9000\n")
        os.utime(stage.path, ns=(before.st_atime_ns, before.st_mtime_ns))
        stage.now += COARSEST
        await played.pauses_until(INTERVAL)
        assert played.addresses == ["10.0.0.6:9000"]

    play(story)


def test_a_file_or_a_link_put_in_its_place_is_seen(tmp_path: Path) -> None:
    async def story(played: Played) -> None:
        for number in (1, 2):
            (tmp_path / str(number)).mkdir()
            path = listing_of(tmp_path / str(number), f"- 10.0.0.{number}:9000\n")
            os.utime(path, (1, 1))
        (tmp_path / "data").symlink_to("1")
        stage = Stage(played, tmp_path / "data" / "members.yaml")
        stage.now = 1e9
        await stage.begin()
        assert played.addresses == ["10.0.0.1:9000"]
        (tmp_path / "next").symlink_to("2")
        (tmp_path / "next").rename(tmp_path / "data")
        await played.pauses_until(INTERVAL)
        assert played.addresses == ["10.0.0.2:9000"]
        listing_of(tmp_path, "- 10.0.0.3:9000\n", "third").rename(tmp_path / "2" / "members.yaml")
        await played.pauses_until(INTERVAL)
        assert played.addresses == ["10.0.0.3:9000"]

    play(story)


def test_who_writes_in_place_is_let_finish(tmp_path: Path) -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, listing_of(tmp_path, ""))
        played.begin(stage.source)
        for size in range(1, 6):
            assert await played.pause() == SETTLE
            stage.path.write_text("- 10.0.0.5:9000\n" * size)
        await played.pauses_until(INTERVAL)
        assert len(played.told) == 1 and played.addresses == ["10.0.0.5:9000"]
        assert len(played.told[0].skipped) == 4  # all of it was there

    play(story)


def test_who_never_stops_writing_is_read_all_the_same(tmp_path: Path) -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, listing_of(tmp_path, "- 10.0.0.5:9000\n"))
        played.begin(stage.source)
        size = 1
        while await played.pause() == SETTLE:
            size += 1
            stage.path.write_text("- 10.0.0.5:9000\n" * size)
        assert played.slept == [SETTLE] * SETTLE_MOST + [INTERVAL]
        assert played.addresses == ["10.0.0.5:9000"]

    play(story)


def test_a_file_that_is_gone_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, listing_of(tmp_path, "- 10.0.0.5:9000\n"))
        await stage.begin()
        stage.path.unlink()
        assert await played.pause() == SETTLE
        await stage.write("- 10.0.0.6:9000\n")
        assert played.addresses == ["10.0.0.6:9000"]
        stage.path.unlink()
        with pytest.raises(SourceError) as caught:
            await played.pauses_until(INTERVAL)
        assert (caught.value.cause, caught.value.detail) == ("not_found", f"{stage.path} is not there")
        assert len(played.told) == 2  # and no empty list

    play(story)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"- 10.0.0.5:9000\n- {address: 10.", "line 2: is not valid YAML"),
        (b"", "is empty; a list with nobody in it is []"),
        (b"- 10.0.0.5:9000\n- \xff\n", "line 2: is not UTF-8 text"),
        (b"#" * (LARGEST + 1), "is larger than 4 MiB"),
    ],
)
def test_what_is_no_list_is_said_and_told_to_nobody(tmp_path: Path, content: bytes, said: str) -> None:
    async def story(played: Played) -> None:
        path = tmp_path / "members.yaml"
        path.write_bytes(content)
        with pytest.raises(SourceError) as caught:
            await Stage(played, path).begin()
        assert caught.value.cause == "invalid"
        assert str(path) in caught.value.detail and said in caught.value.detail
        assert not played.told

    play(story)


def test_a_file_that_is_no_list_is_looked_at_as_often_and_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(_: Played) -> None:
        path = listing_of(tmp_path, "nobody")
        source = Stage(Played(), path).source
        reads = []

        def read(self: FileSource) -> bytes:
            reads.append(path)
            return path.read_bytes()

        monkeypatch.setattr(FileSource, "_read", read)
        for _ in range(3):
            again = Played()
            source._sleep = again.sleep
            again.begin(source)
            with pytest.raises(SourceError) as caught:
                await again.pauses_until(INTERVAL)
            assert (caught.value.cause, caught.value.again) == ("invalid", INTERVAL)
        assert len(reads) == 1
        path.write_text("- 10.0.0.5:9000\n")
        again = Played()
        source._sleep = again.sleep
        again.begin(source)
        await again.pauses_until(INTERVAL)
        assert again.addresses == ["10.0.0.5:9000"]
        await again.end()

    play(story)


def test_the_name_says_that_it_is_json(tmp_path: Path) -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, listing_of(tmp_path, '["10.0.0.5:9000", "\\u0031.1.1.1:1"]', "members.json"))
        await stage.begin()
        assert played.addresses == ["1.1.1.1:1", "10.0.0.5:9000"]
        with pytest.raises(SourceError, match=r"members.json: line 1: is not valid JSON"):
            await stage.write("- 10.0.0.5:9000\n")

    play(story)


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    async def story(played: Played) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        with pytest.raises(SourceError, match="is no regular file"):
            await Stage(played, pipe).begin()

    play(story)


def test_a_folder_and_a_name_that_is_none(tmp_path: Path) -> None:
    async def story(played: Played) -> None:
        with pytest.raises(SourceError) as caught:
            await Stage(played, tmp_path).begin()
        assert caught.value.cause in ("invalid", "unreadable")

    play(story)

    async def second(played: Played) -> None:
        source = FileSource(FileSettings("a\0b"), played.sleep)
        played.begin(source)
        with pytest.raises(SourceError) as caught:
            await played.pause()
        assert caught.value.cause == "unreadable"

    play(second)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(played: Played) -> None:
        stage = Stage(played, listing_of(tmp_path, "[]"))

        def refuse(*_: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(SourceError) as caught:
            await stage.begin()
        assert caught.value.cause == "denied" and "Permission denied" in caught.value.detail

    play(story)


def test_what_it_is_called() -> None:
    assert str(FileSource(FileSettings("/etc/members.yaml"))) == "file /etc/members.yaml"

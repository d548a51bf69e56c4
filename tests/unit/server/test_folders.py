"""That no change of a file is missed, whichever way it is changed: against the real kernel, which tells of it before the call returns."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fastgw.config.loaded_files import digest_of
from fastgw.server import folders as module
from fastgw.server.folders import MOST_LINKS, Folders, walk, why


@pytest.fixture
def folders() -> Any:
    found = Folders()
    yield found
    found.close()


def ways(path: Path) -> list[tuple[str, str, bool]]:
    found: list[tuple[str, str, bool]] = []
    walk(str(path), lambda *one: found.append(one))
    return found


def mounted(folder: Path, version: str, text: str) -> None:
    """As the kubelet does with a ConfigMap: a folder with the new content, then one link is turned to it by a rename."""
    (folder / version).mkdir()
    (folder / version / "gateway.yaml").write_text(text)
    (folder / "..data_tmp").symlink_to(version)
    os.rename(folder / "..data_tmp", folder / "..data")
    if not (folder / "gateway.yaml").is_symlink():
        (folder / "gateway.yaml").symlink_to("..data/gateway.yaml")


def test_each_name_is_looked_up_in_some_folder(tmp_path: Path) -> None:
    mounted(tmp_path, "..1", "a")
    found = ways(tmp_path / "gateway.yaml")
    assert found[-4:] == [
        (str(tmp_path), "gateway.yaml", True),
        (str(tmp_path), "..data", False),
        (str(tmp_path), "..1", False),
        (str(tmp_path / "..1"), "gateway.yaml", True),
    ]
    assert found[0][0] == "/" and {is_last for _, _, is_last in found[:-4]} == {False}


def test_a_link_may_lead_anywhere(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "c").write_text("x")
    (tmp_path / "a" / "b" / "up").symlink_to("../.././c")
    (tmp_path / "away").symlink_to(tmp_path / "a")
    assert ways(tmp_path / "away" / "b" / "up")[-1] == (str(tmp_path), "c", True)
    (tmp_path / "round").symlink_to("round")
    assert len(ways(tmp_path / "round")) < MOST_LINKS + 40
    assert ways(tmp_path / "none" / "file")[-1] == (str(tmp_path), "none", False)
    assert ways(tmp_path / "c" / "file")[-1] == (str(tmp_path / "c"), "file", True)  # which is no folder


def test_a_map_that_is_mounted_and_turned(tmp_path: Path, folders: Folders) -> None:
    mounted(tmp_path, "..1", "a")
    folders.arm([str(tmp_path / "gateway.yaml")])
    assert not folders.read()
    mounted(tmp_path, "..2", "b")
    assert folders.read() and not folders.read()
    folders.arm([str(tmp_path / "gateway.yaml")])
    (tmp_path / "..1" / "gateway.yaml").write_text("nobody reads it there")
    assert not folders.read()
    (tmp_path / "..2" / "gateway.yaml").write_text("c")
    assert folders.read() and folders.cause == ""


def test_what_else_happens_in_the_folder_matters_to_nobody(tmp_path: Path, folders: Folders) -> None:
    (tmp_path / "gateway.yaml").write_text("a")
    folders.arm([str(tmp_path / "gateway.yaml")])
    for name in ("gateway.state.json", "gateway.sock", "gateway.yam", ".gateway.yaml.swp"):
        (tmp_path / name).write_text("x")
        os.rename(tmp_path / name, tmp_path / "other")
    (tmp_path / "gateway.yaml").read_text()
    assert not folders.read()


def test_a_folder_that_comes_later(tmp_path: Path, folders: Folders) -> None:
    path = tmp_path / "a" / "b" / "gateway.yaml"
    folders.arm([str(path)])
    for step in (tmp_path / "a", tmp_path / "a" / "b"):
        step.mkdir()
        assert folders.read()
        folders.arm([str(path)])
    path.write_text("x")
    assert folders.read() and folders.cause == ""


def test_what_is_told_before_it_is_known_whose_it_is_counts(tmp_path: Path, folders: Folders) -> None:
    (tmp_path / "a").write_text("x")
    told, names = folders._inotify, folders._names
    assert told is not None
    told.add(str(tmp_path), module._FOLDER | module._CONTENT)
    (tmp_path / "a").write_text("y")
    assert names == {} and folders.read()


def test_events_that_were_lost_are_one(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = module.inotify.Event(-1, module.inotify.OVERFLOW, b"")
    monkeypatch.setattr(folders._inotify, "read", lambda: [lost])
    assert folders.read()


class Refusing:
    """A kernel that gives no more."""

    fd = -1

    def __init__(self, code: int) -> None:
        self.code = code

    def add(self, folder: str, mask: int) -> int:
        raise OSError(self.code, os.strerror(self.code))

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (errno.ENOSPC, "fs.inotify.max_user_watches"),
        (errno.ENOMEM, "Cannot allocate memory"),
        (errno.EACCES, "Permission denied"),
        (errno.ENOENT, ""),
    ],
)
def test_a_folder_that_cannot_be_watched_has_a_cause(tmp_path: Path, code: int, cause: str) -> None:
    folders = Folders()
    folders.close()
    folders = Folders()
    assert folders._inotify is not None
    folders._inotify.close()
    folders._inotify = Refusing(code)  # type: ignore[assignment]
    folders.arm([str(tmp_path / "a")])
    assert cause in folders.cause and bool(folders.cause) == bool(cause)
    folders.close()


def test_one_may_pass_a_folder_and_not_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = Folders()
    told = folders._inotify
    assert told is not None
    add = told.add

    def guarded(folder: str, mask: int) -> int:
        if folder == str(tmp_path):
            raise OSError(errno.EACCES, "no")
        return add(folder, mask)

    monkeypatch.setattr(told, "add", guarded)
    (tmp_path / "a").mkdir()
    folders.arm([str(tmp_path / "a" / "file")])
    (tmp_path / "a" / "file").write_text("x")
    assert folders.cause == "" and folders.read()
    folders.arm([str(tmp_path / "file")])
    assert folders.cause == f"{tmp_path}: no"
    folders.close()


def test_a_folder_that_others_change_unheard_has_a_cause(
    tmp_path: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.setattr(folders._inotify, "shared", lambda folder: "NFS" if folder.endswith("here") else "")
    folders.arm([str(tmp_path / "here" / "file")])
    assert folders.cause == f"{tmp_path}/here is on NFS, which others may change unheard"
    (tmp_path / "here" / "file").write_text("by us")
    assert folders.read()
    folders.arm([str(tmp_path / "here")])
    assert folders.cause == ""


def test_only_so_many_folders(tmp_path: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FOLDERS", 3)
    folders.arm([str(tmp_path / "file")])
    assert "more than 3 folders" in folders.cause and len(folders._names) == 3


def test_without_inotify_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(module, "Inotify", none)
    folders = Folders()
    folders.arm(["/etc/passwd"])
    assert folders.fd == -1 and not folders.read() and "fs.inotify.max_user_instances" in folders.cause
    folders.close()
    assert why(OSError("odd")) == "odd"


def test_one_that_is_closed_while_a_thread_is_at_it_is_closed_by_that(tmp_path: Path) -> None:
    folders = Folders()
    told = folders._inotify
    assert told is not None
    fd, add = folders.fd, told.add

    def closing(folder: str, mask: int) -> int:
        folders.close()
        assert folders.fd == fd  # not yet
        return add(folder, mask)

    told.add = closing  # type: ignore[method-assign]
    folders.arm([str(tmp_path / "file")])
    assert folders.fd == -1
    folders.close()
    with pytest.raises(OSError):
        os.fstat(fd)


NAMES = ("a", "b", "link", "folder/a", "folder/link")
WATCHED = ("link", "folder/link")  # what these lead to is known by them alone
TARGETS = ("a", "folder/a", "folder", "../a", "b", "link")


class Anything(RuleBasedStateMachine):
    """Files, links and folders are made, changed, moved and taken away at random; when the content of one that is watched has become
    another one, an event has said so."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.folders = Folders()
        self.files = [str(self.root / name) for name in WATCHED]
        self.count = 0
        self.look()

    def look(self) -> None:
        self.folders.arm(self.files)
        self.found = [digest_of(one) for one in self.files]

    def try_to(self, do: Any) -> None:
        try:
            do()
        except OSError:  # it is not there, or in the way
            pass

    @rule(name=st.sampled_from(NAMES))
    def write(self, name: str) -> None:
        self.count += 1
        self.try_to(lambda: (self.root / name).write_text(str(self.count)))

    @rule(name=st.sampled_from(NAMES))
    def replace(self, name: str) -> None:
        self.count += 1
        (self.root / "new").write_text(str(self.count))
        self.try_to(lambda: os.rename(self.root / "new", self.root / name))

    @rule(name=st.sampled_from(NAMES), to=st.sampled_from(TARGETS))
    def turn(self, name: str, to: str) -> None:
        self.try_to((self.root / "turned").unlink)
        (self.root / "turned").symlink_to(to)
        self.try_to(lambda: os.rename(self.root / "turned", self.root / name))

    @rule(name=st.sampled_from(NAMES))
    def remove(self, name: str) -> None:
        self.try_to((self.root / name).unlink)

    @rule(one=st.sampled_from(NAMES), other=st.sampled_from(NAMES))
    def move(self, one: str, other: str) -> None:
        self.try_to(lambda: os.rename(self.root / one, self.root / other))

    @rule()
    def make_folder(self) -> None:
        self.try_to((self.root / "folder").mkdir)

    @rule()
    def replace_folder(self) -> None:
        shutil.rmtree(self.root / "old", ignore_errors=True)
        self.try_to(lambda: os.rename(self.root / "folder", self.root / "old"))
        self.try_to((self.root / "folder").mkdir)

    @rule()
    def hide(self) -> None:
        self.try_to(lambda: (self.root / "a").chmod(0o644))

    @invariant()
    def nothing_is_missed(self) -> None:
        if self.folders.read():
            self.look()
        else:
            assert [digest_of(one) for one in self.files] == self.found

    def teardown(self) -> None:
        self.folders.close()
        shutil.rmtree(self.root)


TestAnything = Anything.TestCase
TestAnything.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)

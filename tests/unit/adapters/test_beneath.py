"""Whatever a name is, and whoever changes the tree: nothing outside the root is opened, by either way."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastgw.adapters import beneath
from fastgw.adapters.beneath import is_known, open_at, open_beneath, walk
from tests.unit.adapters.tree import SECRET, plant

Open = Callable[[int, bytes], int]

needs_openat2 = pytest.mark.skipif(not is_known(), reason="the kernel has no openat2")
BOTH_WAYS = [pytest.param(open_at, marks=needs_openat2), walk]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    fd = os.open(plant(tmp_path), os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def content(fd: int) -> bytes:
    try:
        return os.read(fd, 100)
    finally:
        os.close(fd)


@pytest.mark.parametrize("opened", BOTH_WAYS)
def test_files_are_opened(directory: int, opened: Open) -> None:
    assert content(opened(directory, b"a.txt")) == b"0123456789"
    assert content(opened(directory, b"sub/deep/x")) == b"deep"


@pytest.mark.parametrize("opened", BOTH_WAYS)
@pytest.mark.parametrize(
    ("name", "code"),
    [
        (b"missing", errno.ENOENT),
        (b"sub/missing/x", errno.ENOENT),
        (b"a.txt/x", errno.ENOTDIR),
        (b"link", errno.ELOOP),
        (b"relative", errno.ELOOP),
        (b"inside", errno.ELOOP),
        (b"sub/loop", errno.ELOOP),
        (b"../secret", errno.EXDEV),
        (b"sub/../../secret", errno.EXDEV),
        (b"x" * 300, errno.ENAMETOOLONG),
    ],
)
def test_what_is_not_opened(directory: int, opened: Open, name: bytes, code: int) -> None:
    with pytest.raises(OSError) as caught:
        os.close(opened(directory, name))
    assert caught.value.errno == code


@pytest.mark.parametrize("opened", BOTH_WAYS)
@pytest.mark.parametrize("name", [b"folder/secret", b"proc/etc/passwd"])
def test_a_link_is_no_directory_on_the_way(directory: int, opened: Open, name: bytes) -> None:
    with pytest.raises(OSError) as caught:
        os.close(opened(directory, name))
    assert caught.value.errno in (errno.ELOOP, errno.ENOTDIR)


@pytest.mark.parametrize("opened", BOTH_WAYS)
def test_a_fifo_is_not_waited_for(directory: int, opened: Open) -> None:
    os.close(opened(directory, b"fifo"))


@pytest.mark.parametrize("opened", BOTH_WAYS)
def test_no_descriptor_is_left(directory: int, opened: Open) -> None:
    before = os.listdir("/proc/self/fd")
    os.close(opened(directory, b"sub/deep/x"))
    for name in (b"sub/deep/missing", b"sub/missing/x", b"sub/../x"):
        with pytest.raises(OSError):
            opened(directory, name)
    assert os.listdir("/proc/self/fd") == before


STEPS = st.sampled_from(
    [b"", b".", b"..", b"sub", b"deep", b"folder", b"link", b"proc", b"root", b"secret", b"a.txt", b"/"]
)


@pytest.mark.parametrize("opened", BOTH_WAYS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=1, max_size=8))
def test_no_path_leads_out(directory: int, opened: Open, steps: list[bytes]) -> None:
    try:
        fd = opened(directory, b"/".join(steps))
    except OSError:
        return
    place = os.readlink(f"/proc/self/fd/{fd}")
    os.close(fd)
    assert place == os.readlink(f"/proc/self/fd/{directory}") or place.startswith(
        os.readlink(f"/proc/self/fd/{directory}") + "/"
    )


@pytest.mark.parametrize("opened", BOTH_WAYS)
def test_a_directory_that_becomes_a_link_meanwhile(tmp_path: Path, opened: Open) -> None:
    """Two directories change places all the time, one of which is a link to the secret: no try ever reads it."""
    root = plant(tmp_path)
    (root / "swap").mkdir()
    (root / "swap" / "secret").write_bytes(b"public")
    (root / "other").symlink_to(tmp_path / "outside")
    is_over = threading.Event()

    def swap() -> None:
        names = [root / "swap", root / "other", root / "spare"]
        while not is_over.is_set():
            names[0].rename(names[2])
            names[1].rename(names[0])
            names[2].rename(names[1])

    directory = os.open(root, os.O_PATH | os.O_DIRECTORY)
    thread = threading.Thread(target=swap)
    thread.start()
    seen: set[bytes | None] = set()
    try:
        for _ in range(20_000):
            try:
                seen.add(content(opened(directory, b"swap/secret")))
            except OSError:
                seen.add(None)
            if len(seen) > 1 and _ > 2000:
                break
    finally:
        is_over.set()
        thread.join()
        os.close(directory)
    assert SECRET not in seen and {b"public", None} <= seen


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    root = plant(tmp_path)
    (tmp_path / "current").symlink_to(root)
    assert content(open_beneath(str(tmp_path / "current"), b"a.txt")) == b"0123456789"


@pytest.mark.parametrize("is_there", [True, False])
def test_without_the_call_the_path_is_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool) -> None:
    root = plant(tmp_path)
    asked: list[str] = []
    monkeypatch.setattr(beneath, "is_known", lambda: is_there)
    monkeypatch.setattr(beneath, "open_at", lambda directory, path: asked.append("openat2") or walk(directory, path))
    assert content(open_beneath(str(root), b"a.txt")) == b"0123456789"
    assert asked == ["openat2"] * is_there


@pytest.mark.parametrize(("code", "answer"), [(errno.ENOSYS, False), (errno.EPERM, False), (errno.EMFILE, True)])
def test_who_has_the_call(monkeypatch: pytest.MonkeyPatch, code: int, answer: bool) -> None:
    def refuse(directory: int, path: bytes) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(beneath, "open_at", refuse)
    assert is_known.__wrapped__() is answer


def test_a_kernel_that_is_never_sure_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Libc:
        def syscall(self, *arguments: object) -> int:
            asked.append(1)
            return -1

    monkeypatch.setattr(beneath, "_LIBC", Libc())
    monkeypatch.setattr(beneath.ctypes, "get_errno", lambda: errno.EAGAIN)
    with pytest.raises(BlockingIOError):
        open_at(0, b"x")
    assert len(asked) == beneath.TRIES


def test_a_root_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        open_beneath(str(tmp_path / "gone"), b"x")
    assert caught.value.filename == str(tmp_path / "gone")

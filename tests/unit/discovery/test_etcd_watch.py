"""Any range of keys, watched: what each says, with its revision.  What can go wrong with a watch is in ``test_etcd``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from fastgw.discovery.etcd_client import EtcdError
from fastgw.discovery.etcd_watch import KeyRange, WatchPace, shown_key, watch_keys
from tests.support.etcd_model import EtcdModel
from tests.support.virtual import passes, run


def keys(most: int = 10) -> KeyRange[str]:
    return KeyRange(
        b"/b", b"/d", lambda _, value, revision: f"{value.decode()}@{revision}", lambda _: "large", most, "b to d"
    )


def test_a_range_is_told_with_its_revisions() -> None:
    model, told = EtcdModel(), list[tuple[dict[bytes, str], int]]()
    model.put(b"/a", b"0")
    model.put(b"/b", b"1")
    model.put(b"/c/x", b"2")

    def tell(found: Mapping[bytes, str], revision: int) -> None:
        told.append((dict(found), revision))

    async def whole() -> None:
        task = asyncio.ensure_future(watch_keys(model, keys(), tell, WatchPace(gather=0.01)))  # type: ignore[arg-type]
        await passes(1)
        model.put(b"/b", b"3")
        await passes(1)
        model.put(b"/d", b"of others")
        model.delete(b"/c/x")
        await passes(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(whole())
    assert told == [
        ({b"/b": "1@3", b"/c/x": "2@4"}, 4),
        ({b"/b": "3@5", b"/c/x": "2@4"}, 5),
        ({b"/b": "3@5"}, 7),
    ]


def test_too_many_are_an_error() -> None:
    model = EtcdModel()
    for number in range(3):
        model.put(b"/b%d" % number, b"")
    with pytest.raises(EtcdError, match="more than 2 keys under b to d"):
        run(watch_keys(model, keys(2), lambda *_: None, WatchPace()))  # type: ignore[arg-type]


@pytest.mark.parametrize(("key", "shown"), [(b"/a", "/a"), (b"/\xff\n", r"/\\xff\n"), (b"x" * 200, "x" * 128 + "...")])
def test_a_key_can_be_shown(key: bytes, shown: str) -> None:
    assert shown_key(key) == shown

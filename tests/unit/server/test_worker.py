"""The command line of a worker process."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from fastgw.server import serving, worker


@pytest.fixture(autouse=True)
def _collecting() -> Iterator[None]:
    yield
    gc.enable()


def test_arguments_are_the_channel_the_place_and_the_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[int, int, bool]] = []

    def serve(fd: int, index: int) -> int:
        served.append((fd, index, gc.isenabled()))
        return 3

    told: list[int] = []
    monkeypatch.setattr(serving, "serve", serve)
    monkeypatch.setattr(worker, "tell_by", told.append)
    assert worker.main(["7", "2", "9"]) == 3
    assert served == [(7, 2, False)]  # the collector rests until there is something to collect
    assert told == [9]


@pytest.mark.parametrize("arguments", [[], ["7"], ["7", "2"], ["7", "2", "3", "4"], ["x", "0", "1"]])
def test_other_arguments_are_a_mistake(arguments: list[str]) -> None:
    with pytest.raises(ValueError):
        worker.main(arguments)

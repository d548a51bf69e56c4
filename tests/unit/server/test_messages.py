"""What supervisor and worker say to each other survives the way, and cannot be changed on it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from fastgw.config.load import load
from fastgw.server.messages import Abort, Commit, Committed, Drain, Prepare, Prepared, Slots
from fastgw.server.pieces import bare, cut
from tests.unit.server.stage import TEXT


def test_every_message_arrives_as_it_was_sent(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(TEXT)
    slots = Slots({"/*": 0}, {"main": 1}, {("main", "127.0.0.1:9"): 3}, {"log": 0})
    for message in (
        Prepare(7, bare(load(file, {})), cut(load(file, {}), slots), ("127.0.0.1:0",), has_memory=True),
        Prepared(7, ("no",)),
        Commit(7),
        Committed(7),
        Abort(7),
        Drain(2.5),
    ):
        assert pickle.loads(pickle.dumps(message, pickle.HIGHEST_PROTOCOL)) == message


def test_silence_is_consent_without_a_slab() -> None:
    assert Prepared(1).problems == ()
    assert Prepare._field_defaults == {"has_memory": False}


@pytest.mark.parametrize("message", [Prepared(1), Commit(1), Committed(1), Abort(1), Drain(1.0), Slots({}, {}, {}, {})])
def test_messages_cannot_be_changed(message: tuple[object, ...]) -> None:
    (first, *_) = message._fields  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        setattr(message, first, 2)

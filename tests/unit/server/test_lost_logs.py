"""Access logs that lose lines, as ``/status`` shows them."""

from __future__ import annotations

from fastgw.server.lost_logs import QUIET, LostLogs
from fastgw.server.messages import LostLines


def test_a_log_is_told_until_every_worker_writes_it_again() -> None:
    now = [1_800_000_000.0]
    lost = LostLogs(lambda: now[0])
    assert lost.document() == {}
    lost.learn(0, [LostLines("/log", 3, "No space left on device", False)])
    now[0] += 10
    lost.learn(1, [LostLines("/log", 4, "Input/output error", False)])
    assert lost.document() == {"/log": {"lines": 7, "cause": "Input/output error", "since": "2027-01-15T08:00:00.000Z"}}
    lost.learn(1, [LostLines("/log", 0, "", True)])
    assert lost.document()["/log"]["cause"] == "No space left on device"
    lost.learn(0, [LostLines("/log", 0, "", True)])
    assert lost.document() == {}


def test_a_worker_that_says_nothing_more_is_not_believed_for_ever() -> None:
    now = [1_800_000_000.0]
    lost = LostLogs(lambda: now[0])
    lost.learn(0, [LostLines("/log", 3, "No space left on device", False)])
    now[0] += QUIET
    assert lost.document() == {}

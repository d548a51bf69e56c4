from __future__ import annotations

from pathlib import Path

from fastgw.config.load import load
from fastgw.server.history import KEPT, MOST_LINES, History
from tests.unit.config.files import MINIMAL
from tests.unit.server.test_rollouts import played


@played
async def test_it_tells_what_has_changed_and_why_not(tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(MINIMAL)
    new.write_text(MINIMAL + "workers: 3\n")
    history = History()
    await history.done(2, load(old, {}), load(new, {}), "signal")
    history.refused(2, ["line 7: no"], "watch")
    newest, first = history.document()
    assert (newest["ok"], newest["generation"], newest["lines"]) == (False, 2, ["line 7: no"])
    assert (first["by"], newest["by"]) == ("signal", "watch")
    assert first["ok"] and "gateway: workers: 0 -> 3" in first["lines"]


def test_it_is_bounded() -> None:
    history = History()
    for number in range(KEPT + 5):
        history.refused(number, ["x"] * (MOST_LINES + 7), "command")
    kept = history.document()
    assert len(kept) == KEPT and kept[0]["generation"] == KEPT + 4
    assert len(kept[0]["lines"]) == MOST_LINES + 1 and kept[0]["lines"][-1] == "and 7 more"

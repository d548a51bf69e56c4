"""What changes under way need, and who has it."""

from __future__ import annotations

from fastgw.server.control import Control
from fastgw.server.host import Host


def test_the_supervisor_has_all_of_it() -> None:
    asked = {name for name in vars(Host) if not name.startswith("_")}
    assert asked
    assert asked <= set(dir(Control))

"""A minute of everything; ``scripts/soak`` takes half an hour."""

from __future__ import annotations

import pytest

from bench.soak.__main__ import main

pytestmark = pytest.mark.integration


@pytest.mark.long
@pytest.mark.timeout(180)
def test_nobody_fails_and_nothing_is_left() -> None:
    assert main(["--seconds", "60"]) == 0

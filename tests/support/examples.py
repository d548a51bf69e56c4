"""How many generated inputs a property is given."""

from __future__ import annotations

import hypothesis

USUAL = 25  #: of each 100 that it is given with ``--long``
THOROUGH = 100  #: what a property gets that says nothing else; the default of hypothesis


def examples(thorough: int) -> int:
    """Return how many of ``thorough`` inputs are tried in this run: all with ``--long``, a quarter without.

    Without ``--long`` inputs are the same in every run, so that more of them find less with each run.
    """
    return thorough * hypothesis.settings().max_examples // THOROUGH

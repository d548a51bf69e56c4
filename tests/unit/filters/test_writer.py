"""Which form of the writer is chosen."""

from __future__ import annotations

from fastgw.filters import writer as chooser
from tests.unit.filters.test__writer_py import FORMS


def test_the_compiled_form_is_chosen_where_it_is() -> None:
    assert chooser.Writer is FORMS[-1].Writer

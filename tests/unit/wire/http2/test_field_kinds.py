"""Kinds of fields as numbers."""

from __future__ import annotations

from fastgw.wire.http2 import field_kinds as kinds


def test_each_kind_has_a_number_of_its_own_and_pseudo_fields_stand_together() -> None:
    numbers = [value for name, value in vars(kinds).items() if name.isupper() and name != "OVERHEAD"]
    assert sorted(numbers) == list(range(10))
    pseudo = (kinds.METHOD, kinds.SCHEME, kinds.AUTHORITY, kinds.PATH, kinds.PROTOCOL, kinds.STATUS)
    assert sorted(pseudo) == list(range(kinds.METHOD, kinds.STATUS + 1))
    assert max(pseudo) == kinds.STATUS

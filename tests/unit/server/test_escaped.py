"""An exception that no callback has caught, as it is logged."""

from __future__ import annotations

from fastgw.server.escaped import fields_of


def test_a_bug_is_told_with_its_traceback() -> None:
    try:
        raise KeyError("a")
    except KeyError as error:
        found = fields_of({"message": "in a callback", "exception": error})
    assert (found["cause"], found["error"]) == ("in a callback", "KeyError('a')")
    assert "test_escaped.py" in found["traceback"]


def test_what_has_no_exception_has_no_traceback() -> None:
    assert fields_of({"message": "socket lost"}) == {"cause": "socket lost", "error": "None"}

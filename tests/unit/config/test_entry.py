"""An entry of a registry: its word, and what is handed over."""

from __future__ import annotations

from typing import ClassVar, Literal

from fastgw.config.entry import Entry
from fastgw.config.model import Model, setting


class Inner(Model):
    """One number."""

    most: int = setting(1, "The most.")


class Thing(Entry):
    """What has parts."""

    told_by: ClassVar[str] = "kind"
    made_by: ClassVar[str] = "tests:None"
    kind: Literal["thing"] = setting(..., "thing")
    names: list[str] = setting(["a"], "Names.")
    inner: Inner = setting({}, "More.")
    by_name: dict[str, int] = setting({"x": 1}, "Numbers.")


def test_the_word_is_what_its_key_may_say() -> None:
    assert Thing.word() == "thing"


def test_options_are_handed_over_as_plain_data_without_the_word() -> None:
    given = Thing.model_validate({"kind": "thing"}).given()
    assert given == {"names": ("a",), "inner": (("most", 1),), "by_name": (("x", 1),)}

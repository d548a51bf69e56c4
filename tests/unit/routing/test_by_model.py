"""Choices by the names of models."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import pytest

from fastgw.routing.by_model import ByModel

MODELS = ByModel(
    {"gpt-oss": 1, "embed-*": 2, "embed-*-v2": 3, "*-v2": 4, "openai/*": 5, "default": 6, "embed-x": 7, "*": 8}
)


@pytest.mark.parametrize(
    ("name", "choice", "rest"),
    [
        ("gpt-oss", 1, ""),
        ("embed-large", 2, "large"),
        ("embed-", 2, ""),
        ("embed-large-v2", 3, "large"),
        ("embed-v2", 2, "v2"),
        ("x-v2", 4, "x"),
        ("openai/gpt/4", 5, "gpt/4"),
        ("embed-x", 7, ""),
        ("Gpt-oss", 8, "Gpt-oss"),
        ("default", 6, ""),
    ],
)
def test_the_name_itself_or_the_pattern_with_the_most_text(name: str, choice: int, rest: str) -> None:
    assert MODELS.find(name) == (choice, rest)


def test_what_there_is_not() -> None:
    models = ByModel({"ab*ba": 1, "gpt-oss-120b": 2})
    assert models.find("aba") is None and models.find("abba") == (1, "") and models.default is None
    assert models.nearest("gpt-oss-12b") == "gpt-oss-120b" and models.nearest("zzz") == ""
    assert models.nearest("gpt-oss-12b", ["gpt-oss-1"]) == "gpt-oss-1" and models.nearest("gpt-oss-12b", ()) == ""
    assert models.choice(models.names[0]) == models.find(models.names[0])[0]  # type: ignore[index]
    assert models.names == ("gpt-oss-120b",) and MODELS.names == ("gpt-oss", "embed-x") and MODELS.default == 6


@pytest.mark.parametrize(
    "asked", ["org-500/model-instruc", "rg-500/model-instruct", "org-500/model-instrukt", "ogr-500/model-instruct"]
)
def test_of_very_many_names_few_are_compared(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients can ask for any number of names that there are not."""
    compared: list[int] = []

    def compare(name: str, names: Sequence[str], *more: Any) -> list[str]:
        compared.append(len(names))
        return get_close_matches(name, names, *more)

    monkeypatch.setattr("difflib.get_close_matches", compare)
    models = ByModel({f"org-{number}/model-instruct": number for number in range(1000)})
    assert models.nearest(asked) == "org-500/model-instruct"
    assert compared[0] <= 32

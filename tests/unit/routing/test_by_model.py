"""Choices by the names of models."""

from __future__ import annotations

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

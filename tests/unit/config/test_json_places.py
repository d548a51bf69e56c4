"""Places in JSON bodies, as the file has them."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from fastgw.config.json_places import Field, Pointer


def read(kind: Any, value: object) -> Any:
    return TypeAdapter(Annotated[kind, ...]).validate_python(value)


@pytest.mark.parametrize("value", ["/a", "/data/0/name", "/a~1b/~0", "/", "/größe", "/*/x"])
def test_pointers(value: str) -> None:
    assert read(Pointer, value) == value


@pytest.mark.parametrize("value", ["", "a", "/~2", "/a" * 40, 5, ["/a"]])
def test_what_is_no_pointer(value: object) -> None:
    with pytest.raises(ValidationError):
        read(Pointer, value)


def test_fields() -> None:
    assert read(Field, "data.image") == "data.image"
    with pytest.raises(ValidationError):
        read(Field, "a..b")

"""The vocabulary, and that the data plane, the JSON Schema and the documentation tell the same of it."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic_core import PydanticUndefined

from fastgw.config.filters.entry import GENERAL, FilterOptions
from fastgw.config.schema import Configuration, Model, json_schema
from fastgw.config.transformers.entry import TransformerOptions
from fastgw.config.vocabulary import bare
from tests.unit.config.files import MINIMAL, problems

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "configuration.md").read_text()


def written(default: Any) -> str:
    """A default as the page writes it."""
    if default is PydanticUndefined or default is ...:
        return "required"
    if default is None:
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, list):
        return f"`[{', '.join(default)}]`"
    return f"`{default}`" if default != "" else '`""`'


def places(model: type[Model], path: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Every mapping of the vocabulary: its heading, and its keys with their defaults."""
    own = inspect.get_annotations(model)
    is_general = issubclass(model, FilterOptions)  # what all filters have stands in one place
    keys = [name for name in model.model_fields if not (is_general and name in GENERAL and name not in own)]
    yield path, {name: written(model.model_fields[name].default) for name in keys}
    for name, field in model.model_fields.items():
        inner = bare(field.annotation)
        below = name if path == "(top)" else f"{path}.{name}"
        if get_origin(inner) is list:
            inner, below = bare(get_args(inner)[0]), f"{below}[]"
        elif get_origin(inner) is dict:
            inner, below = bare(get_args(inner)[1]), f"{below}.NAME"
        if get_origin(inner) in (Union, UnionType):
            if name == "filters":
                yield below, {key: written(FilterOptions.model_fields[key].default) for key in GENERAL}
            for options in map(bare, get_args(inner)):
                above = path if issubclass(options, TransformerOptions) else below
                yield from places(options, f"{above} {options.word()}")
        elif isinstance(inner, type) and issubclass(inner, Model):
            yield from places(inner, below)


def described_once() -> dict[str, dict[str, str]]:
    """Of a mapping that has several places the first describes it; but for filters, each of which is one; TLS is that of listeners."""
    found: dict[str, dict[str, str]] = {}
    for path, keys in sorted(places(Configuration, "(top)"), key=lambda one: one[0].startswith("admin.")):
        if " " in path or keys not in [
            one for other, one in found.items() if path.rpartition(".")[2] == other.rpartition(".")[2]
        ]:
            found[path] = keys
    return found


def documented() -> dict[str, dict[str, str]]:
    """The tables of the page: heading -> key -> default."""
    found: dict[str, dict[str, str]] = {}
    for heading, body in re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL):
        title = " ".join(re.findall(r"`(.+?)`", heading))
        rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.*?) ?\|$", body, flags=re.MULTILINE)
        found[title] = {key: default for key, _, default, _ in rows}
    return found


def test_the_page_names_every_key_with_its_default() -> None:
    assert documented() == described_once()


def test_the_page_says_what_every_value_is() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE, flags=re.MULTILINE)
    assert rows and all(kind for _, kind in rows)


def test_the_committed_json_schema_is_up_to_date() -> None:
    """``fastgw schema > docs/fastgw.schema.json`` makes it."""
    assert json.loads((DOCS / "fastgw.schema.json").read_text()) == json_schema()


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from nodes(value)


def test_editors_get_a_title_and_a_description_for_everything() -> None:
    found = json_schema()
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found["title"] == "fastgw configuration"
    for node in nodes(found):
        if node.get("type") == "object" and "properties" in node and "$ref" not in node and "title" in node:
            assert node["description"]
            assert node["additionalProperties"] is False
            assert all(
                key.get("description") or "$ref" in key or key.keys() == {"type"} for key in node["properties"].values()
            )


def test_a_key_without_a_value_has_its_default(tmp_path: Path) -> None:
    assert problems(tmp_path, MINIMAL + "admin:\nshutdown:\n  grace:\nfilters:\nworkers:\n") == []


def test_models_do_not_show_what_they_were_given() -> None:
    with pytest.raises(ValueError) as caught:
        Configuration.model_validate({"workers": "hunter2", "listeners": "hunter2"})
    assert "input_value" not in str(caught.value)

"""What every mapping of the configuration is: strict about its keys, with defaults written as in a file.

A file with mistakes is read a second time, *leniently*: what is wrong becomes ``UNSOUND``, everything else is there, and
the rules between entries (``check``) see all of it.  So no mistake hides another.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import os
from functools import cache
from itertools import islice
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from fastgw.config.likeness import meant_key
from fastgw.config.types import is_lenient
from fastgw.config.unsound import UNSOUND

# pydantic would look for plugins of its own in every package that is installed; none shall change what a file means.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

MOST_MISSPELLED = 20  #: unknown keys of one mapping that are compared with the known ones


def setting(default: Any, description: str) -> Any:
    """A key with its default, as written in a file, and its description; ``...`` as default: the key must be given."""
    return Field(default, description=description, validate_default=True)


class Model(BaseModel):
    """A mapping of the file: strict about keys; a key without a value counts as not given."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """The mapping that ``data`` is short for, or ``data`` itself."""
        return data

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, data: Any, handler: ModelWrapValidatorHandler["Model"], info: ValidationInfo) -> Any:
        if data is UNSOUND:
            return data
        data = cls.long_form(data)
        if data is None:
            data = {}
        elif isinstance(data, dict) and (None in data.values() or UNSOUND in data.values()):
            data = {name: value for name, value in data.items() if value is not None and not cls._is_told(value, info)}
        return cls._sound_part(data, info.context) if is_lenient(info) else handler(data)

    @staticmethod
    def _is_told(value: Any, info: ValidationInfo) -> bool:
        return value is UNSOUND and not is_lenient(info)

    @classmethod
    def _sound_part(cls, data: Any, context: Any) -> Any:
        """Everything of ``data`` that is sound; keys that are missing, wrong or misspelled are ``UNSOUND``."""
        if not isinstance(data, dict):
            return UNSOUND
        fields = cls.model_fields
        unknown = (name for name in data if name not in fields)
        meant = {meant_key(name, fields) for name in islice(unknown, MOST_MISSPELLED)}
        found: dict[str, Any] = {}
        for name, field in fields.items():
            absent = UNSOUND if name in meant or field.is_required() else field.default
            value = data.get(name, absent)
            try:
                found[name] = value if value is UNSOUND else _adapter(cls, name).validate_python(value, context=context)
            except ValidationError:
                found[name] = UNSOUND
        return cls.model_construct(**found)


@cache
def _adapter(model: type[Model], name: str) -> TypeAdapter[Any]:
    """What reads one key alone."""
    field = model.model_fields[name]
    kind: Any = field.annotation
    for annotation in field.metadata:
        kind = Annotated[kind, annotation]
    return TypeAdapter(kind)


def sound_or_unsound(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Keeps what is wrong with one entry from being the fault of its neighbours, in a lenient reading."""
    try:
        return handler(value)
    except ValidationError:
        if is_lenient(info):
            return UNSOUND
        raise


class OneOrMore:
    """Annotation of a list of mappings: a single one stands without the list."""

    def __init__(self, *, words: bool = False) -> None:
        """``words``: so does a single text, which is short for a mapping."""
        self._single = (dict, str) if words else dict

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: [value] if isinstance(value, self._single) else value, handler(source)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        several = handler(schema)
        return {"anyOf": [several["items"], several]}


def alternative(short: dict[str, Any], schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
    """JSON Schema of a model that also has a short form."""
    full = handler.resolve_ref_schema(handler(schema))
    return {"anyOf": [short, full], "title": full.get("title", ""), "description": full.get("description", "")}


class OrOff(Model):
    """A mapping that ``off`` may stand for; see ``off_is_none``."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return alternative({"enum": [False, "off"]}, schema, handler)


def off_is_none(data: Any) -> Any:
    """``off`` is what people write where something is switched off, ``false`` what it is elsewhere."""
    return None if data in ("off", "false") else data


def false_is_none(data: Any) -> Any:
    """``false`` switches a whole mapping off."""
    return None if data == "false" else data

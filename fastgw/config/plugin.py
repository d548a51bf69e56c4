"""What the file says of filters and transformers of other packages: what names their class, and options that nobody here knows.

Annotations are not postponed here (``config.model`` has the reason).
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo, ValidatorFunctionWrapHandler
from pydantic_core import CoreSchema, core_schema

from fastgw import plugins
from fastgw.config.answers import json_text
from fastgw.config.entry import Entry
from fastgw.config.filters.entry import GENERAL, FilterOptions
from fastgw.config.inside import code_name
from fastgw.config.model import setting
from fastgw.config.spec import PLUGIN
from fastgw.config.transformers.entry import TransformerOptions
from fastgw.config.types import FilePath, Parsed

Code = Annotated[str, Parsed(code_name, type="string")]
Options = Annotated[bytes, Parsed(json_text, type="object")]


class FilterPlugin(FilterOptions):
    """A filter of another package: module:Class, or its entry point; its other keys are what its class says."""

    made_by: ClassVar[str] = PLUGIN
    notes: ClassVar[tuple[str, ...] | None] = None  # only its class knows
    group: ClassVar[str] = plugins.FILTERS
    type: Code = setting(..., "module:Class of a filter of another package, or its entry point.")
    options: Options = setting({}, "Its own.")
    folder: FilePath = setting(".", "That of the configuration.")

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """Its own keys stand beside those of all filters."""
        return _apart(data, ("type", *GENERAL))

    def given(self) -> dict[str, Any]:
        """What finds the class, and the options as JSON."""
        return {"reference": self.type, "group": self.group, "folder": self.folder, "options": self.options}

    def does(self) -> str:
        """Nobody has imported it, so nobody has asked it."""
        return f"is {self.type}"

    def needs_a_route(self) -> str:
        """Only its class can say that."""
        return ""


class TransformerPlugin(TransformerOptions):
    """A transformer of another package: module:Class, or its entry point; its other keys are what its class says."""

    made_by: ClassVar[str] = PLUGIN
    group: ClassVar[str] = plugins.TRANSFORMERS
    sides: ClassVar[tuple[str, ...]] = ()
    takes: ClassVar[tuple[str, ...]] = ()
    makes: ClassVar[tuple[str, ...]] = ()
    name: Code = setting(..., "module:Class of a transformer of another package, or its entry point.")
    options: Options = setting({}, "Its own.")
    folder: FilePath = setting(".", "That of the configuration.")

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """A name alone, and its own keys beside it."""
        return _apart(super().long_form(data), ("name",))

    def given(self) -> dict[str, Any]:
        """As of a filter."""
        return {"reference": self.name, "group": self.group, "folder": self.folder, "options": self.options}

    def does(self) -> str:
        """As of a filter."""
        return f"is {self.name}"


Plugin = FilterPlugin | TransformerPlugin


def own_options(plugin: Plugin) -> dict[str, Any]:
    """The keys that are for its class."""
    import orjson

    found: dict[str, Any] = orjson.loads(plugin.options)
    return found


def _apart(data: Any, general: Collection[str]) -> Any:
    """``data`` with all keys but the ``general`` ones below ``options``."""
    if not isinstance(data, dict):
        return data
    own = {key: value for key, value in data.items() if key not in general and value is not None}
    return {key: value for key, value in data.items() if key in general} | {"options": own}


class OrPlugin:
    """Annotation of what takes any entry of a registry: a word that is none of it may name code of others."""

    def __init__(self, plugin: type[Plugin], registry: Mapping[str, type[Entry]]) -> None:
        self._plugin = plugin
        self._registry = registry

    def _is_plugin(self, value: object) -> bool:
        word = value.get(self._plugin.told_by) if isinstance(value, dict) else None
        if not isinstance(word, str) or word in self._registry:
            return False
        return ":" in word or plugins.is_registered(word, self._plugin.group)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any, entries: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
            if self._is_plugin(value):
                return self._plugin.model_validate(value, context=info.context)
            return entries(value)

        return core_schema.with_info_wrap_validator_function(read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Its own keys are known to its class alone, so an editor takes any; and any word, for no schema knows what is installed."""
        full = handler.resolve_ref_schema(handler(self._plugin.__pydantic_core_schema__))
        told_by = self._plugin.told_by
        general = {key: value for key, value in full["properties"].items() if key not in ("options", "folder")}
        word = general[told_by] | {"not": {"enum": list(self._registry)}}
        mapping = {"type": "object", "description": full["description"], "required": [told_by]}
        return {"anyOf": [handler(schema), mapping | {"properties": general | {told_by: word}}, *self._short(word)]}

    def _short(self, word: dict[str, Any]) -> list[dict[str, Any]]:
        """A transformer may be its name alone."""
        return [word] if issubclass(self._plugin, TransformerOptions) else []

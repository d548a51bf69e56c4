"""What the file says of models: by the name that clients ask for, where it is, and what answers where that cannot.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

from pydantic import GetJsonSchemaHandler, create_model
from pydantic_core import CoreSchema

from fastgw.config.fallback import fallback_reason, statuses_of
from fastgw.config.limit_entries import ModelLimit, given_limit
from fastgw.config.model import Model, alternative, setting
from fastgw.config.spec import ModelPartSpec, ModelSpec, ModelStepSpec
from fastgw.config.types import Name, Parsed, count
from fastgw.config.values import scalar, shown
from fastgw.core.settings import DIALECT, RouteSettings
from fastgw.policy.fallback import CAUSES
from fastgw.routing.by_model import DEFAULT, STAR

LONGEST: Final = 256  #: bytes of the name of a model, as ``wire.inference`` takes it
_ON: Final = [*CAUSES, "429", "5xx"]


def _model_name(value: object) -> str:
    found = scalar(value, "the name of a model")
    if not found or not found.isprintable() or found != found.strip() or len(found.encode()) > LONGEST:
        raise ValueError(f"expected the name of a model of up to {LONGEST} printable bytes, got {shown(value)}")
    return found


def _pattern(value: object) -> str:
    found = _model_name(value)
    if found.count(STAR) > 1:
        raise ValueError(f"has more than one {STAR!r}, got {shown(value)}")
    return found


_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": LONGEST}
ModelText = Annotated[str, Parsed(_model_name, **_TEXT)]
ModelPattern = Annotated[str, Parsed(_pattern, **_TEXT)]
ModelKey = Annotated[str, Parsed(_pattern, is_key=True, **_TEXT)]
_AS: Final = (
    "The name that it has there; in it * is what the * of its own name stands for. Default: as it is asked for."
)
_Reason = Annotated[str, Parsed(fallback_reason, anyOf=[{"enum": list(CAUSES)}, {"pattern": "^[45](xx|[0-9]{2})$"}])]


def _named_as(model: type[Model]) -> Any:
    """``model`` with the key ``as``, which is no name in Python."""
    key: Any = {"as": (ModelPattern | None, setting(None, _AS))}
    return create_model(model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **key)


class ModelShare(Model):
    """One of several services that have a model."""

    service: Name = setting(..., "Name of the service.")
    weight: Annotated[int, count(0, 1_000_000)] = setting(
        ..., "Its share of the requests, relative to the other weights; 0: none."
    )


NamedShare: TypeAlias = ModelShare if TYPE_CHECKING else _named_as(ModelShare)  # type: ignore[valid-type]


class ModelEntry(Model):
    """A model: where it is. The name of another model alone is short for alias_of."""

    service: Name | None = setting(None, "Name of the service that has it. Either this, split or alias_of.")
    split: list[NamedShare] = setting([], "Several services with weights, such as a canary.")
    alias_of: ModelText | None = setting(None, "Name of the model that this is another name of.")
    fallback: list[ModelText] = setting([], "Models that answer instead where its service cannot, first to last.")
    fallback_on: list[_Reason] = setting(
        _ON, "When they do: causes, statuses such as 503, and classes of them, 4xx and 5xx."
    )

    limits: list[ModelLimit] = setting(
        [],
        "How much of it may be used in a time, as the filters of type token_limit on the way to it keep it. Default: any.",
    )

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """The name of another model."""
        return {"alias_of": data} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return alternative({"type": "string"}, schema, handler)


NamedModel: TypeAlias = ModelEntry if TYPE_CHECKING else _named_as(ModelEntry)  # type: ignore[valid-type]


class RouteModels(Model):
    """Which models a route leads to; ``true`` is short for all of them, a list for ``only``."""

    only: list[ModelPattern] = setting([], "Their names, as models has them. Default: all.")

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """``true``, or a list of names."""
        return {} if data == "true" else {"only": data} if isinstance(data, list) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        short = {"anyOf": [{"type": "boolean"}, {"type": "array", "items": {"type": "string"}}]}
        return alternative(short, schema, handler)


def in_dialect(settings: RouteSettings, *, is_told: bool) -> RouteSettings:
    """``settings`` of a route that leads to models, or to a service with a dialect: errors have the shape of the API that is asked, unless
    something ``is_told``."""
    return settings if is_told else settings._replace(errors=DIALECT)


def resolved(models: Mapping[str, ModelEntry], name: str) -> tuple[str, ModelEntry]:
    """The entry that ``name`` is another name of, through any number of them, with its own name."""
    while models[name].alias_of is not None:
        name = models[name].alias_of or name
    return name, models[name]


def limits_of(models: Mapping[str, ModelEntry]) -> tuple[tuple[tuple[str, object], ...], ...]:
    """The limits of all of them, each as a filter ``token_limit`` takes it."""
    return tuple(given_limit(one, name) for name, entry in models.items() for one in entry.limits)


def model_spec(models: Mapping[str, ModelEntry], name: str) -> ModelSpec:
    """``name`` as plain data; nothing is wrong with ``models``."""
    own, entry = resolved(models, name)
    steps = []
    for other in entry.fallback:
        (part,) = _parts(models, other)
        meant = resolved(models, other)[0]
        steps.append(ModelStepSpec(other, part.service, part.sent_as or meant, meant if meant != other else ""))
    causes = tuple(dict.fromkeys(one for one in entry.fallback_on if one in CAUSES))
    statuses = sorted({status for one in entry.fallback_on if one not in CAUSES for status in statuses_of(one)})
    parts = _parts(models, own, is_alias=own != name)
    return ModelSpec(name, parts, tuple(steps), causes, tuple(statuses), own if own != name else "")


def _parts(models: Mapping[str, ModelEntry], name: str, *, is_alias: bool = False) -> tuple[ModelPartSpec, ...]:
    own, entry = resolved(models, name)
    default = own if (is_alias or own != name) and own != DEFAULT and STAR not in own else ""
    if entry.service is not None:
        return (ModelPartSpec(entry.service, 1, getattr(entry, "as") or default),)
    return tuple(ModelPartSpec(one.service, one.weight, getattr(one, "as") or default) for one in entry.split)

"""The scalar types of the configuration for pydantic: each a parser of ``config.values`` and its JSON Schema."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from fastgw.config import address_values, http_values, values
from fastgw.config.percentage import percentage
from fastgw.config.processors import processors
from fastgw.config.spec import UserSpec
from fastgw.config.unsound import UNSOUND
from fastgw.config.user import user
from fastgw.config.values import Expanded
from fastgw.core.settings import Address
from fastgw.wire.methods import METHODS

_FROM_ENVIRONMENT = {"type": "string", "pattern": r"\$\{"}  # any scalar may come from the environment


class Parsed:
    """Annotation of a scalar: ``parse(value)`` is its only reader, ``schema`` its part of the JSON Schema.

    What is unsound already stays so without another word; what is found to be wrong becomes so in a lenient reading.  A
    key (``is_key``) stays as it is written instead, because what is below it can be looked at.
    """

    __slots__ = ("_is_key", "_parse", "_schema", "_takes_variables")

    def __init__(
        self, parse: Callable[[object], object], *, is_key: bool = False, takes_variables: bool = False, **schema: Any
    ) -> None:
        self._parse = parse
        self._is_key = is_key
        self._takes_variables = takes_variables
        self._schema = schema

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: object, info: ValidationInfo) -> object:
            if value is UNSOUND:
                return value
            try:
                if isinstance(value, Expanded) and value.variables and not self._takes_variables:
                    raise ValueError(f"no variable of a request stands here, got {values.shown(value)}")
                return self.read(value, info)
            except ValueError:
                if is_lenient(info):
                    return value if self._is_key else UNSOUND
                raise

        return core_schema.with_info_plain_validator_function(validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self._schema)

    def read(self, value: object, info: ValidationInfo) -> object:
        """The value that ``value`` is the text of; raises ValueError."""
        return self._parse(value)


class Seconds(Parsed):
    """Annotation of a duration."""

    __slots__ = ()


class Located(Parsed):
    """The same for what depends on the place of the file: ``parse(value, base)``, where base is its directory or ""."""

    __slots__ = ("_parse_at",)

    def __init__(self, parse: Callable[[object, str], object], **schema: Any) -> None:
        super().__init__(lambda value: value, **schema)
        self._parse_at = parse

    def read(self, value: object, info: ValidationInfo) -> object:
        return self._parse_at(value, (info.context or {}).get("base", ""))


class Read(Located):
    """The same for a file that every load reads: its path is noted in the ``files`` of the context, if somebody wants to know."""

    __slots__ = ()

    def read(self, value: object, info: ValidationInfo) -> object:
        found = super().read(value, info)
        if found and (files := (info.context or {}).get("files")) is not None:
            files[found] = None
        return found


def is_lenient(info: ValidationInfo) -> bool:
    """Is what is wrong to be left out, instead of told?"""
    return info.context is not None and bool(info.context.get("is_lenient"))


def _either(**schema: Any) -> dict[str, Any]:
    return {"anyOf": [schema, _FROM_ENVIRONMENT]}


def count(minimum: int, maximum: int) -> Parsed:
    """A whole number within bounds."""
    return Parsed(values.whole(minimum, maximum), **_either(type="integer", minimum=minimum, maximum=maximum))


def count_or(word: str, stands_for: int, minimum: int, maximum: int) -> Parsed:
    """A whole number within bounds, or ``word``, which the number ``stands_for`` is then."""
    number = values.whole(minimum, maximum)

    def parse(value: object) -> int:
        if value == word:
            return stands_for
        try:
            return number(value)
        except ValueError as error:
            raise ValueError(f"{error}; {word} is possible too") from None

    return Parsed(
        parse, anyOf=[{"type": "integer", "minimum": minimum, "maximum": maximum}, {"enum": [word]}, _FROM_ENVIRONMENT]
    )


def size(minimum: int = 0, maximum: int = 1 << 50) -> Parsed:
    """A number of bytes within bounds."""
    schema = [
        {"type": "integer", "minimum": minimum, "maximum": maximum},
        {"type": "string", "examples": ["32KiB", "10MB"]},
    ]
    return Parsed(values.size(minimum, maximum), anyOf=schema)


def words(*choices: str) -> Parsed:
    """One of a few words."""
    return Parsed(values.one_of(*choices), **_either(enum=list(choices)))


def absolute(value: object, base: str) -> str:
    """A path; a relative one starts at ``base``."""
    found = values.text("a path")(value)
    return str(Path(base, found)) if base and found else found


def _stream(value: object, base: str) -> str:
    return str(value) if value in ("stdout", "stderr") else absolute(value, base)


def _address(value: object, base: str, *, listen: bool) -> Address:
    found = address_values.address(value, listen=listen)
    if not found.path:
        return found
    path = absolute(found.path, base)
    if len(path.encode()) > address_values.LONGEST_UNIX_PATH:
        raise ValueError(
            f"the path of a unix socket has at most {address_values.LONGEST_UNIX_PATH} bytes, got {values.shown(value)}"
        )
    return Address(path=path)


def _listen(value: object, base: str) -> Address:
    return _address(value, base, listen=True)


def _connect(value: object, base: str) -> Address:
    return _address(value, base, listen=False)


_SECONDS = [{"type": "number", "minimum": 0}, {"type": "string", "examples": ["30s", "800ms", "5m"]}]
_METHOD = [{"enum": list(METHODS)}, {"type": "string", "pattern": r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$|\$\{"}]
_PLACE = {"type": "string", "examples": ["127.0.0.1:8080", "[::1]:8080", "unix:/run/gateway.sock"]}

_NAME_SCHEMA: dict[str, Any] = {"type": "string", "pattern": r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$|\$\{"}
_SERVICE_SCHEMA = _NAME_SCHEMA | {"pattern": r"^\{[A-Za-z_][A-Za-z0-9_-]*\}$|" + _NAME_SCHEMA["pattern"]}

Name = Annotated[str, Parsed(values.name, **_NAME_SCHEMA)]
NameKey = Annotated[str, Parsed(values.name, is_key=True, **_NAME_SCHEMA)]
ServiceName = Annotated[str, Parsed(values.service_name, **_SERVICE_SCHEMA)]
Label = Annotated[str, Parsed(values.text("a name", longest=400), type="string")]
Duration = Annotated[float, Seconds(values.duration(), anyOf=_SECONDS)]
PositiveDuration = Annotated[float, Seconds(values.duration(positive=True), anyOf=_SECONDS)]
PollInterval = Annotated[float, Seconds(values.duration(least=1), anyOf=_SECONDS)]
WorkerTimeout = Annotated[float, Seconds(values.duration(least=5), anyOf=_SECONDS)]
Size = Annotated[int, size()]
Percentage = Annotated[float, Parsed(percentage, type="string", examples=["10%", "0.5%"])]
Boolean = Annotated[bool, Parsed(values.boolean, **_either(type="boolean"))]
Listen = Annotated[Address, Located(_listen, **_PLACE)]
Connect = Annotated[Address, Located(_connect, **_PLACE)]
FilePath = Annotated[str, Located(absolute, type="string")]
ReadFile = Annotated[str, Read(absolute, type="string")]  #: of a file that every load reads
Stream = Annotated[str, Located(_stream, type="string", examples=["stdout", "stderr", "/var/log/fastgw/access.log"])]
Mode = Annotated[int, Parsed(address_values.mode, type=["string", "integer"], examples=["0660"])]
Owner = Annotated[
    tuple[int, int], Parsed(address_values.owner, type="string", examples=["www-data", "fastgw:www-data", ":www-data"])
]
User = Annotated[UserSpec, Parsed(user, type=["string", "integer"], examples=["www-data", "fastgw:www-data"])]
NameServer = Annotated[str, Parsed(address_values.name_server, type="string", examples=["10.0.0.53", "127.0.0.1:5353"])]
FieldName = Annotated[str, Parsed(http_values.field_name, type="string")]
Upgrade = Annotated[str, Parsed(http_values.upgrade, type="string", examples=["websocket"])]
DroppableField = Annotated[str, Parsed(http_values.droppable_field, type="string")]
FieldValue = Annotated[str, Parsed(http_values.field_value, type=["string", "number", "boolean"])]
Network = Annotated[str, Parsed(address_values.network, type="string", examples=["10.0.0.0/8"])]
WorkerCount = Annotated[
    int, Parsed(values.workers, anyOf=[{"const": "auto"}, {"type": "integer", "minimum": 1}, _FROM_ENVIRONMENT])
]
CpuAffinity = Annotated[
    tuple[int, ...],
    Parsed(
        processors,
        anyOf=[
            {"const": "auto"},
            {"type": "array", "items": {"type": ["integer", "string"]}, "minItems": 1},
            _FROM_ENVIRONMENT,
        ],
    ),
]
TlsVersion = Annotated[str, Parsed(values.one_of("1.2", "1.3"), **_either(enum=["1.2", "1.3", 1.2, 1.3]))]
RoutePath = Annotated[
    str, Parsed(http_values.route_path, type="string", pattern=r"^/|^\*$|\$\{", examples=["/v1/*", "*"])
]
RouteHost = Annotated[str, Parsed(http_values.route_host, type="string", examples=["api.example", "*.edge.example"])]
ServiceHost = Annotated[str, Parsed(address_values.service_host, type="string", examples=["preserve", "endpoint"])]
Method = Annotated[str, Parsed(http_values.method, anyOf=_METHOD)]
Sticky = Annotated[str, Parsed(http_values.sticky, type="string", pattern=r"^((header|cookie):.+)?$|\$\{")]

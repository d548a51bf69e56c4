"""JSON of messages: a *shape* is what JSON has for one type of message, made of its descriptor once.

``google.protobuf.json_format`` walks the descriptors for every message: 97 us to parse one of 1 KB with 40 fields, 36 us to print it.
Here a table says what becomes of each key, and protobuf itself, in C, makes the message of a mapping of fields.  The other is the oracle
of the tests; what has a form of its own (Any, Struct, Value) it still reads and writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from google.protobuf import json_format
from google.protobuf.message import EncodeError

from fastgw.transcoding.catalog import Catalog
from fastgw.transcoding.moments import timestamp, timestamp_out
from fastgw.transcoding.scalars import (
    SCALARS,
    Convert,
    MisfitError,
    enumerated,
    float_out,
    misfit,
    number_out,
    octets_out,
)

DEEPEST: Final = 100  #: levels of messages, as protobuf itself has it

_DOUBLE, _FLOAT, _BOOL, _GROUP, _MESSAGE, _BYTES, _ENUM = 1, 2, 8, 10, 11, 12, 14
_WIDE: Final = (3, 4, 6, 16, 18)  #: types of 64 bits
_WRAPPERS: Final = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)
_TIMESTAMP: Final = "google.protobuf.Timestamp"
_AS_TEXT: Final = frozenset(f"google.protobuf.{name}" for name in ("Duration", "FieldMask"))
_OF_THEIR_OWN: Final = frozenset(f"google.protobuf.{name}" for name in ("Any", "Struct", "Value", "ListValue"))
_VALUE: Final = "google.protobuf.Value"
_NULL_VALUE: Final = "google.protobuf.NullValue"

Dump = Callable[[Any], Any]


class JsonOptions(NamedTuple):
    """How JSON is read and written."""

    ignores_unknown: bool = False  #: are keys passed over that no field has?
    prints_defaults: bool = False  #: are fields written that have no value?
    prints_numbers: bool = False  #: are enums written as numbers?
    prints_proto_names: bool = False  #: are fields written by the names of the ``.proto``?
    prints_wide_numbers: bool = False  #: are numbers of 64 bits written as such, and not as text?

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> JsonOptions:
        """As the words of ``options`` say: ``unknown_fields``, ``defaults``, ``enums`` and ``names``."""
        return cls(
            ignores_unknown=options["unknown_fields"] == "ignore",
            prints_defaults=options["defaults"] == "print",
            prints_numbers=options["enums"] == "numbers",
            prints_proto_names=options["names"] == "proto",
        )


DEFAULTS: Final = JsonOptions()


class MessageField(NamedTuple):
    """What becomes of a key."""

    name: str  #: of the field
    convert: Convert
    takes_null: bool  #: is null a value of it, and not the lack of one?
    oneof: str  #: the one it is of; empty: none
    descriptor: Any


class MessageShape:
    """That of one type of message."""

    def __init__(self, descriptor: Any, cls: Any, options: JsonOptions) -> None:
        self.name: str = descriptor.full_name
        self.descriptor = descriptor
        self.cls = cls
        self.fields: dict[str, MessageField] = {}  #: by either of their names
        self._ignores_unknown = options.ignores_unknown
        self._has_oneofs = False
        self._out: dict[int, tuple[str, Dump | None]] = {}
        self._defaults: list[tuple[str, Callable[[], Any]]] = []

    def fill(self, fields: Iterable[tuple[str, MessageField, Dump | None, Callable[[], Any] | None]]) -> None:
        """Each field with its name in JSON, what writes it (None: as it is), and what writes it without a value (None: nothing)."""
        for name, field, dump, default in fields:
            self.fields[field.name] = field
            self.fields[field.descriptor.json_name] = field
            self._has_oneofs |= bool(field.oneof)
            self._out[field.descriptor.number] = (name, dump)
            if default is not None:
                self._defaults.append((name, default))

    def convert(self, document: Any, depth: int) -> dict[str, Any]:
        """The fields of the message that ``document``, a value of JSON, is.

        Raises:
            MisfitError: it is none.
        """
        if type(document) is not dict:
            raise misfit("an object", document)
        if depth <= 0:
            raise MisfitError(f"has more than {DEEPEST} messages inside each other")
        found: dict[str, Any] = {}
        fields = self.fields
        given: set[str] | None = set() if self._has_oneofs else None
        for key, value in document.items():
            field = fields.get(key)
            if field is None:
                if self._ignores_unknown:
                    continue
                raise MisfitError(f"{self.name} has no such field", key)
            name, convert, takes_null, oneof, _ = field
            if name in found:
                raise MisfitError("is given twice, by both of its names", key)
            if value is None and not takes_null:
                continue
            if oneof and given is not None:
                if oneof in given:
                    raise MisfitError(f"is given beside another field of the oneof {oneof}", key)
                given.add(oneof)
            try:
                found[name] = convert(value, depth - 1)
            except MisfitError as error:
                error.path.insert(0, key)
                raise
        return found

    def make(self, fields: Any) -> Any:
        """The message of what ``convert`` returned."""
        return self.cls(**fields) if type(fields) is dict else fields

    def encode(self, fields: Any) -> bytes:
        """The same, serialised.

        Raises:
            MisfitError: it lacks a field that it must have (proto2).
        """
        try:
            return bytes(self.make(fields).SerializeToString())
        except EncodeError as error:
            raise MisfitError(str(error)) from None

    def dump(self, message: Any) -> Any:
        """What JSON has for ``message``."""
        out: dict[str, Any] = {}
        named = self._out
        for field, value in message.ListFields():
            known = named.get(field.number)
            if known is not None:
                name, dump = known
                out[name] = value if dump is None else dump(value)
        for name, default in self._defaults:
            if name not in out:
                out[name] = default()
        return out

    def dump_field(self, message: Any, field: MessageField) -> Any:
        """What JSON has for one field of ``message``, which may have no value."""
        _, dump = self._out[field.descriptor.number]
        value = getattr(message, field.name)
        return value if dump is None else dump(value)


class Known(MessageShape):
    """That of a type with a form of its own."""

    def __init__(self, descriptor: Any, cls: Any, options: JsonOptions, convert: Convert, dump: Dump) -> None:
        super().__init__(descriptor, cls, options)
        self._convert = convert
        self._dump = dump

    def convert(self, document: Any, depth: int) -> Any:
        """The fields of the message, or the message."""
        return self._convert(document, depth)

    def dump(self, message: Any) -> Any:
        """See ``MessageShape``."""
        return self._dump(message)


class MessageShapes:
    """Those of one catalog."""

    def __init__(self, catalog: Catalog, options: JsonOptions = DEFAULTS) -> None:
        self.catalog = catalog
        self.options = options
        self._shapes: dict[str, MessageShape] = {}

    def of(self, descriptor: Any) -> MessageShape:
        """That of the messages of this type."""
        found = self._shapes.get(descriptor.full_name)
        if found is not None:
            return found
        cls = self.catalog.message_class(descriptor.full_name)
        known = self._known(descriptor, cls)
        if known is not None:
            self._shapes[descriptor.full_name] = known
            return known
        made = self._shapes[descriptor.full_name] = MessageShape(descriptor, cls, self.options)
        made.fill(self._field(one) for one in descriptor.fields)  # last: a type may have itself inside
        return made

    def _field(self, field: Any) -> tuple[str, MessageField, Dump | None, Callable[[], Any] | None]:
        name = field.name if self.options.prints_proto_names else field.json_name
        default: Callable[[], Any] | None = None
        dump: Dump | None
        if _is_map(field):
            convert, dump = self._map(field)
            default = dict
        elif field.is_repeated:
            convert, dump = _listed(self._one(field), _takes_null(field)), _list_out(self._one_out(field))
            default = list
        else:
            convert, dump = self._one(field), self._one_out(field)
            if not field.has_presence:
                value = field.default_value if dump is None else dump(field.default_value)
                default = partial(_same, value)
        if not self.options.prints_defaults:
            default = None
        oneof = field.containing_oneof
        takes_null = _takes_null(field) and not field.is_repeated
        return name, MessageField(field.name, convert, takes_null, oneof.name if oneof else "", field), dump, default

    def _one(self, field: Any) -> Convert:
        """What makes one value of ``field``."""
        if field.type in (_MESSAGE, _GROUP):
            return self._message(field.message_type)
        if field.type != _ENUM:
            return SCALARS[field.type]
        enum = field.enum_type
        numbers = {one.name: one.number for one in enum.values}
        convert = enumerated(numbers, is_closed=enum.is_closed)
        if enum.full_name == _NULL_VALUE:
            return lambda value, depth: 0 if value is None else convert(value, depth)
        return convert

    def _message(self, descriptor: Any) -> Convert:
        return self.of(descriptor).convert

    def _one_out(self, field: Any) -> Dump | None:
        """What writes one value of ``field``; None: it is JSON already."""
        kind = field.type
        if kind in (_MESSAGE, _GROUP):
            return self.of(field.message_type).dump
        if kind == _ENUM:
            return self._enum_out(field.enum_type)
        if kind in _WIDE and not self.options.prints_wide_numbers:
            return str
        found: dict[int, Dump] = {_DOUBLE: number_out, _FLOAT: float_out, _BYTES: octets_out}
        return found.get(kind)

    def _enum_out(self, enum: Any) -> Dump | None:
        if enum.full_name == _NULL_VALUE:
            return lambda _: None
        if self.options.prints_numbers:
            return None
        names: dict[int, str] = {}
        for one in enum.values:
            names.setdefault(one.number, one.name)
        return partial(_named, names)

    def _map(self, field: Any) -> tuple[Convert, Dump]:
        key, value = field.message_type.fields_by_number[1], field.message_type.fields_by_number[2]
        of_key, of_value, takes_null = self._one(key), self._one(value), _takes_null(value)
        # protobuf makes a map of messages, not of their fields
        make = self.of(value.message_type).make if value.type == _MESSAGE else None
        is_boolean = key.type == _BOOL

        def convert(document: Any, depth: int) -> dict[Any, Any]:
            if type(document) is not dict:
                raise misfit("an object", document)
            found = {}
            for name, one in document.items():
                try:
                    if one is None and not takes_null:
                        raise misfit("a value", one)
                    made = of_value(one, depth)
                    place = of_key({"true": True, "false": False}.get(name, name) if is_boolean else name, depth)
                except MisfitError as error:
                    error.path.insert(0, name)
                    raise
                if place in found:
                    raise MisfitError("is given twice", name)
                found[place] = made if make is None else make(made)
            return found

        dump = self._one_out(value)

        def out(values: Mapping[Any, Any]) -> dict[str, Any]:
            return {
                (str(name).lower() if is_boolean else str(name)): one if dump is None else dump(one)
                for name, one in values.items()
            }

        return convert, out

    # --- types with a form of their own

    def _known(self, descriptor: Any, cls: Any) -> MessageShape | None:
        name = descriptor.full_name
        if name in _WRAPPERS:
            return self._wrapper(descriptor, cls)
        if name == _TIMESTAMP:
            return Known(descriptor, cls, self.options, timestamp, timestamp_out)
        if name in _AS_TEXT:
            return Known(descriptor, cls, self.options, _text_of(cls), _text_out)
        if name in _OF_THEIR_OWN:
            return Known(descriptor, cls, self.options, self._own(cls), self.own_out)
        return None

    def _wrapper(self, descriptor: Any, cls: Any) -> MessageShape:
        field = descriptor.fields_by_name["value"]
        convert, dump = self._one(field), self._one_out(field)

        def out(message: Any) -> Any:
            return message.value if dump is None else dump(message.value)

        return Known(descriptor, cls, self.options, lambda value, depth: {"value": convert(value, depth)}, out)

    def _own(self, cls: Any) -> Convert:
        def convert(value: Any, depth: int) -> Any:
            if depth <= 0:
                raise MisfitError(f"has more than {DEEPEST} messages inside each other")
            try:
                return json_format.ParseDict(
                    value,
                    cls(),
                    ignore_unknown_fields=self.options.ignores_unknown,
                    descriptor_pool=self.catalog.pool,
                    max_recursion_depth=depth,
                )
            except (json_format.ParseError, TypeError, ValueError, AttributeError, KeyError) as error:
                raise MisfitError(_first_line(error)) from None

        return convert

    def own_out(self, message: Any) -> Any:
        """What JSON has for a message of a type with a form of its own.

        Raises:
            MisfitError: it is an Any of a type that is not known.
        """
        try:
            return json_format.MessageToDict(
                message,
                preserving_proto_field_name=self.options.prints_proto_names,
                use_integers_for_enums=self.options.prints_numbers,
                always_print_fields_with_no_presence=self.options.prints_defaults,
                descriptor_pool=self.catalog.pool,
            )
        except (TypeError, json_format.Error, ValueError) as error:
            raise MisfitError(_first_line(error)) from None


def _same(value: Any) -> Any:
    return value


def _named(names: Mapping[int, str], number: int) -> int | str:
    """The name of a value of an enum, or its number if it has none."""
    return names.get(number, number)


def _is_map(field: Any) -> bool:
    return bool(field.is_repeated and field.type == _MESSAGE and field.message_type.GetOptions().map_entry)


def _takes_null(field: Any) -> bool:
    if field.type == _MESSAGE:
        return bool(field.message_type.full_name == _VALUE)
    return bool(field.type == _ENUM and field.enum_type.full_name == _NULL_VALUE)


def _listed(one: Convert, takes_null: bool) -> Convert:
    def convert(document: Any, depth: int) -> list[Any]:
        if type(document) is not list:
            raise misfit("a list", document)
        found: list[Any] = []
        try:
            for value in document:
                if value is None and not takes_null:
                    raise misfit("a value", value)
                found.append(one(value, depth))
        except MisfitError as error:
            error.path.insert(0, f"[{len(found)}]")
            raise
        return found

    return convert


def _list_out(one: Dump | None) -> Dump:
    if one is None:
        return list
    return lambda values: [one(value) for value in values]


def _text_of(cls: Any) -> Convert:
    def convert(value: Any, _: int) -> Any:
        if type(value) is not str:
            raise misfit("a string", value)
        made = cls()
        try:
            made.FromJsonString(value)
        except ValueError as error:
            raise MisfitError(_first_line(error)) from None
        return made

    return convert


def _text_out(message: Any) -> str:
    """What JSON has for a message that is text there; raises MisfitError where it has nothing."""
    try:
        return str(message.ToJsonString())
    except ValueError as error:
        raise MisfitError(_first_line(error)) from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]

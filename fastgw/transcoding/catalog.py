"""The services and messages of a descriptor set (``protoc --include_imports --descriptor_set_out``), as protobuf knows them.

The pool is one of its own: two routes may have different files of one name, and nothing of them stays when a configuration goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.message import DecodeError

#: Files that everybody may import without having them in the set.
KNOWN: Final = {
    one.DESCRIPTOR.name: one.DESCRIPTOR
    for one in (
        *(any_pb2, descriptor_pb2, duration_pb2, empty_pb2, field_mask_pb2),
        *(struct_pb2, timestamp_pb2, wrappers_pb2),
    )
}


class CatalogError(ValueError):
    """A descriptor set cannot be used; says why."""


class Catalog:
    """What is in one descriptor set."""

    def __init__(self, data: bytes) -> None:
        """``data``: a serialised ``google.protobuf.FileDescriptorSet``.

        Raises:
            CatalogError: it is none, or something in it lacks what it refers to.
        """
        try:
            found = descriptor_pb2.FileDescriptorSet.FromString(data)
        except DecodeError:
            raise CatalogError("is no descriptor set, as protoc --descriptor_set_out writes it") from None
        self.pool: Any = descriptor_pool.DescriptorPool()
        self._files = {one.name: one for one in found.file}
        self._added: set[str] = set()
        for name in self._files:
            self._add(name, "", ())
        self.services: tuple[Any, ...] = tuple(self._services())

    def _add(self, name: str, wanted_by: str, above: Sequence[str]) -> None:
        """Add a file behind those that it imports."""
        if name in self._added:
            return
        if name in above:
            raise CatalogError(f"has files that import each other: {name}")
        file = self._files.get(name)
        if file is None:
            known = KNOWN.get(name)
            if known is None:
                raise CatalogError(
                    f"lacks {name}, which {wanted_by} imports; protoc --include_imports writes all of them"
                )
            file = descriptor_pb2.FileDescriptorProto.FromString(known.serialized_pb)
        for other in file.dependency:
            self._add(other, name, (*above, name))
        try:
            self.pool.Add(file)
        except TypeError as error:
            raise CatalogError(f"has {name}, which is not sound: {error}") from None
        self._added.add(name)

    def _services(self) -> Iterator[Any]:
        for file in self._files.values():
            prefix = f"{file.package}." if file.package else ""
            for service in file.service:
                yield self.pool.FindServiceByName(prefix + service.name)

    def message_class(self, name: str) -> Any:
        """The class of the messages of this full name.

        Raises:
            KeyError: there is none.
        """
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))

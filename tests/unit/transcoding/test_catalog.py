"""Descriptor sets: what is one, and what it lacks."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2

from fastgw.transcoding.catalog import Catalog, CatalogError
from tests.support.protos import descriptor_set

FileSet = descriptor_pb2.FileDescriptorSet


def without(*names: str) -> bytes:
    found = FileSet.FromString(descriptor_set())
    kept = [one for one in found.file if one.name not in names]
    return bytes(FileSet(file=kept).SerializeToString())


def test_its_services_are_found() -> None:
    catalog = Catalog(descriptor_set())
    assert [one.full_name for one in catalog.services] == ["library.v1.Library"]
    assert catalog.message_class("library.v1.Book")(name="x").name == "x"
    with pytest.raises(KeyError):
        catalog.message_class("library.v1.Nothing")


def test_what_protobuf_has_need_not_be_in_it() -> None:
    names = ("any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers", "descriptor")
    assert Catalog(without(*(f"google/protobuf/{name}.proto" for name in names))).services


def test_files_may_stand_in_any_order() -> None:
    found = FileSet.FromString(descriptor_set())
    assert Catalog(FileSet(file=reversed(found.file)).SerializeToString()).services


def test_two_may_have_different_files_of_one_name() -> None:
    files = [descriptor_pb2.FileDescriptorProto(name="a.proto", package=package) for package in ("one", "two")]
    for file in files:
        file.message_type.add(name="M")
        catalog = Catalog(FileSet(file=[file]).SerializeToString())
        assert catalog.message_class(f"{file.package}.M")


def cyclic() -> bytes:
    one, two = (descriptor_pb2.FileDescriptorProto(name=name) for name in ("1.proto", "2.proto"))
    one.dependency.append("2.proto")
    two.dependency.append("1.proto")
    return bytes(FileSet(file=[one, two]).SerializeToString())


def unsound() -> bytes:
    file = descriptor_pb2.FileDescriptorProto(name="a.proto")
    file.message_type.add(name="M").field.add(name="f", number=1, type=11, label=1, type_name=".no.Such")
    return bytes(FileSet(file=[file]).SerializeToString())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff\xff", "is no descriptor set"),
        (without("google/api/httpbody.proto"), "lacks google/api/httpbody.proto, which library.proto imports"),
        (cyclic(), "import each other"),
        (unsound(), "a.proto, which is not sound"),
    ],
)
def test_what_cannot_be_used(data: bytes, why: str) -> None:
    with pytest.raises(CatalogError, match=why):
        Catalog(data)

"""What a server of gRPC says of its services (``grpc.reflection``): asked for all that their files import, as a descriptor set.

Two calls are enough as a rule: one for the names of the services, one for their files, which come with what they import.  Servers that
send a file alone are asked for the others by name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from fastgw.core.grpc_calls import CallStatusError
from fastgw.transcoding.catalog import KNOWN, CatalogError
from fastgw.wire.grpc import UNIMPLEMENTED

ServerCall = Callable[
    [str, Sequence[bytes]], Awaitable[list[bytes]]
]  #: calls a method with messages; ``GrpcCaller.ask``

_VERSIONS: Final = ("v1", "v1alpha")  #: the same messages by another name
_METHOD: Final = "/grpc.reflection.{}.ServerReflection/ServerReflectionInfo"
_OWN: Final = ("grpc.reflection.", "grpc.health.", "grpc.channelz.")  #: services that nobody means
_MOST_FILES: Final = 2000
_ROUNDS: Final = 20


async def reflected(ask: ServerCall, services: Iterable[str] = ()) -> bytes:
    """The descriptor set of ``services``, by default of all that the server has but those of gRPC itself.

    Raises:
        CatalogError: the server says what makes none.
        CallError: it does not answer, or has no reflection.
    """
    server = _Server(ask)
    names = list(services) or await server.services()
    files: dict[str, Any] = {}
    await server.read([_REQUEST(file_containing_symbol=name) for name in names], files)
    for _ in range(_ROUNDS):
        missing = {name for one in files.values() for name in one.dependency if name not in files and name not in KNOWN}
        if not missing:
            found = descriptor_pb2.FileDescriptorSet(file=files.values())
            return bytes(found.SerializeToString(deterministic=True))
        await server.read([_REQUEST(file_by_filename=name) for name in sorted(missing)], files)
    raise CatalogError("has files that import others without an end")


class _Server:
    """Who is asked, in the version that it knows."""

    def __init__(self, ask: ServerCall) -> None:
        self._ask = ask
        self._version = ""

    async def services(self) -> list[str]:
        """The full names of its services."""
        answers = await self._asked([_REQUEST(list_services="*")])
        names = [one.name for answer in answers for one in answer.list_services_response.service]
        return [name for name in names if not name.startswith(_OWN)]

    async def read(self, requests: list[Any], files: dict[str, Any]) -> None:
        """Add the files that are asked for, and those that come with them."""
        for asked, answer in zip(requests, await self._asked(requests), strict=False):
            if answer.WhichOneof("answer") == "error_response":
                wanted = asked.file_containing_symbol or asked.file_by_filename
                raise CatalogError(f"has nothing of {wanted}: {answer.error_response.error_message[:200]}")
            for data in answer.file_descriptor_response.file_descriptor_proto:
                try:
                    file = descriptor_pb2.FileDescriptorProto.FromString(data)
                except DecodeError:
                    raise CatalogError("sends a file that is no descriptor") from None
                files.setdefault(file.name, file)
                if len(files) > _MOST_FILES:
                    raise CatalogError(f"has more than {_MOST_FILES} files")

    async def _asked(self, requests: list[Any]) -> list[Any]:
        messages = [one.SerializeToString() for one in requests]
        for version in (self._version,) if self._version else _VERSIONS:
            try:
                found = await self._ask(_METHOD.format(version), messages)
            except CallStatusError as error:
                if error.code == UNIMPLEMENTED and version != _VERSIONS[-1]:
                    continue
                raise
            self._version = version
            break
        try:
            answers = [_RESPONSE.FromString(one) for one in found]
        except DecodeError:
            raise CatalogError("answers what is none of reflection") from None
        if len(answers) != len(requests):
            raise CatalogError(f"answers {len(answers)} of {len(requests)} questions")
        return answers


def _messages() -> tuple[Any, Any]:
    """``ServerReflectionRequest`` and ``-Response`` (grpc/reflection/v1/reflection.proto), as far as they are used, by their numbers."""
    file = descriptor_pb2.FileDescriptorProto(name="reflection.proto", package="fastgw", syntax="proto3")
    request = file.message_type.add(name="Request")
    for name, number in (("file_by_filename", 3), ("file_containing_symbol", 4), ("list_services", 7)):
        request.field.add(name=name, number=number, type=9, label=1, oneof_index=0)
    request.oneof_decl.add(name="question")
    response = file.message_type.add(name="Response")
    response.oneof_decl.add(name="answer")
    for name, number, kind in (
        ("file_descriptor_response", 4, "Files"),
        ("list_services_response", 6, "Services"),
        ("error_response", 7, "Error"),
    ):
        response.field.add(name=name, number=number, type=11, type_name=f".fastgw.{kind}", label=1, oneof_index=0)
    file.message_type.add(name="Files").field.add(name="file_descriptor_proto", number=1, type=12, label=3)
    services = file.message_type.add(name="Services")
    services.field.add(name="service", number=1, type=11, type_name=".fastgw.Service", label=3)
    file.message_type.add(name="Service").field.add(name="name", number=1, type=9, label=1)
    error = file.message_type.add(name="Error")
    error.field.add(name="error_code", number=1, type=5, label=1)
    error.field.add(name="error_message", number=2, type=9, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return tuple(
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"fastgw.{name}"))
        for name in ("Request", "Response")
    )


_REQUEST, _RESPONSE = _messages()

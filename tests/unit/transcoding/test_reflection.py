"""Server reflection, by the messages that grpcio has for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2 as theirs

from fastgw.core.grpc_calls import CallStatusError
from fastgw.transcoding.catalog import Catalog, CatalogError
from fastgw.transcoding.reflection import reflected
from tests.support.protos import descriptor_set

FILES = {one.name: one for one in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set()).file}


class Server:
    """Has the library; ``knows``: the version of reflection; ``is_lean``: sends a file alone."""

    def __init__(self, knows: str = "v1", *, is_lean: bool = False, lacks: str = "") -> None:
        self.asked: list[tuple[str, int]] = []
        self._knows = knows
        self._is_lean = is_lean
        self._lacks = lacks

    async def ask(self, method: str, messages: Sequence[bytes]) -> list[bytes]:
        version = method.split(".")[2]
        self.asked.append((version, len(messages)))
        assert method == f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
        if version != self._knows:
            raise CallStatusError(12, "", "no such service")
        return [self._answer(theirs.ServerReflectionRequest.FromString(one)).SerializeToString() for one in messages]

    def _answer(self, request: Any) -> Any:
        answer = theirs.ServerReflectionResponse(original_request=request)
        if request.list_services:
            names = ("grpc.reflection.v1.ServerReflection", "grpc.health.v1.Health", "library.v1.Library")
            for name in names:
                answer.list_services_response.service.add(name=name)
            return answer
        name = request.file_by_filename or "library.proto"
        if (request.file_containing_symbol or "library.v1.Library") != "library.v1.Library" or name == self._lacks:
            answer.error_response.error_code, answer.error_response.error_message = 5, "not here"
            return answer
        for one in (name,) if self._is_lean else (name, *FILES):
            answer.file_descriptor_response.file_descriptor_proto.append(FILES[one].SerializeToString())
        return answer


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
@pytest.mark.parametrize("is_lean", [False, True])
def test_services_are_found_with_all_that_they_import(version: str, is_lean: bool) -> None:
    server = Server(version, is_lean=is_lean)
    found = asyncio.run(reflected(server.ask))
    assert [one.full_name for one in Catalog(found).services] == ["library.v1.Library"]
    assert len([one for one, _ in server.asked if one != version]) <= 1  # once it is known it is kept to
    assert found == asyncio.run(reflected(Server(version, is_lean=is_lean).ask))  # the same is the same


def test_services_may_be_named() -> None:
    server = Server()
    assert asyncio.run(reflected(server.ask, ["library.v1.Library"]))
    assert server.asked == [("v1", 1)]


@pytest.mark.parametrize(
    ("server", "services", "why"),
    [
        (Server(), ["no.Such"], "has nothing of no.Such: not here"),
        (Server(is_lean=True, lacks="google/api/http.proto"), [], "has nothing of google/api/http.proto"),
    ],
)
def test_what_the_server_lacks_is_told(server: Server, services: list[str], why: str) -> None:
    with pytest.raises(CatalogError, match=why):
        asyncio.run(reflected(server.ask, services))


def test_a_server_without_reflection() -> None:
    with pytest.raises(CallStatusError):
        asyncio.run(reflected(Server("v7").ask))


@pytest.mark.parametrize(("answers", "why"), [([], "answers 0 of 1"), ([b"\xff"], "none of reflection")])
def test_answers_that_are_none(answers: list[bytes], why: str) -> None:
    async def ask(_: str, __: Sequence[bytes]) -> list[bytes]:
        return answers

    with pytest.raises(CatalogError, match=why):
        asyncio.run(reflected(ask))


def test_a_file_that_is_none() -> None:
    async def ask(_: str, __: Sequence[bytes]) -> list[bytes]:
        answer = theirs.ServerReflectionResponse()
        answer.file_descriptor_response.file_descriptor_proto.append(b"\xff")
        return [answer.SerializeToString()]

    with pytest.raises(CatalogError, match="no descriptor"):
        asyncio.run(reflected(ask, ["a.B"]))

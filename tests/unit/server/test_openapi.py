from __future__ import annotations

from fastgw.server.guard import ANYBODY, OPERATOR
from fastgw.server.openapi import document
from tests.unit.server.test_admin_pages import Played


def test_each_endpoint_is_told_with_its_rights_and_answers() -> None:
    pages = Played().pages()
    found = document(pages)
    assert found["openapi"] == "3.1.0"
    told = {(path, method) for path, methods in found["paths"].items() for method in methods}
    expected = {(one.path, one.method.lower()) for one in pages}
    assert told == expected | {(path, "head") for path, method in expected if method == "get"}
    for one in pages:
        operation = found["paths"][one.path][one.method.lower()]
        assert {str(status) for status in one.answers} <= operation["responses"].keys()
        assert ("security" in operation) == (one.right != ANYBODY) == ("401" in operation["responses"])
        assert ({} in operation.get("security", [{}])) == (one.right != OPERATOR)
        assert ("requestBody" in operation) == (one.method == "POST") == ("415" in operation["responses"])


def test_operations_have_names_of_their_own() -> None:
    methods = [one for path in document(Played().pages())["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in methods]
    assert len(set(names)) == len(names) and "get_openapi_json" in names


def test_refusals_are_problems_and_head_has_no_content() -> None:
    paths = document(Played().pages())["paths"]
    assert list(paths["/reload"]["post"]["responses"]["422"]["content"]) == ["application/problem+json"]
    assert list(paths["/readyz"]["get"]["responses"]["503"]["content"]) == ["application/json"]
    assert all("content" not in one for one in paths["/status"]["head"]["responses"].values())
    assert paths["/readyz"]["get"]["parameters"][0]["name"] == "service"

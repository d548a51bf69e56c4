from __future__ import annotations

import json

from fastgw.server.problem import AdminProblem


def test_it_is_a_problem_document_with_more_in_it() -> None:
    found = json.loads(AdminProblem(422, "refused", "it is wrong", problems=["line 3"]).body())
    assert found == {
        "type": "urn:fastgw:error:refused",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "it is wrong",
        "problems": ["line 3"],
    }

"""What no request that comes to a service can have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems
from tests.unit.config.test_models import file

TEXT = """\
listeners:
  - {address: "127.0.0.1:18080", DROPPED}
routes:
  - {path: PATH, service: a, filters: [FILTERS]}
  - {path: "/other/{user}", reply: {body: hello}}
services:
  a:
    balance: maglev
    hash: {key: "KEY"}
    endpoints: ["127.0.0.1:19000"]
filters:
  limit: {type: rate_limit, limits: [{rate: 1/s}]}
  mine: {type: "a.b:C"}
  more: {type: headers, request: {set: {x-user: "1"}}}
"""


def found(folder: Path, key: str, path: str = "/*", filters: str = "", dropped: str = "name: x") -> list[str]:
    text = TEXT.replace("KEY", key).replace("PATH", f'"{path}"').replace("FILTERS", filters)
    return [one for one in problems(folder, text.replace("DROPPED", dropped)) if "is empty for every request" in one]


@pytest.mark.parametrize(
    ("key", "given", "reason"),
    [
        ("${path.user}", {}, "no route that leads to this service has {user} in its path"),
        ("${path.user}", {"path": "/{id}"}, "no route that leads to this service has {user} in its path"),
        ("${note.jwt.sub}", {}, "no filter in front of this service notes 'jwt'"),
        ("x${note.jwt.sub}", {"filters": "limit, request_id"}, "no filter in front of this service notes 'jwt'"),
        ("${header.X-User}", {"dropped": "drop_headers: [x-user]"}, "drop_headers of every listener has it"),
    ],
)
def test_a_key_that_no_request_can_have(tmp_path: Path, key: str, given: dict[str, str], reason: str) -> None:
    (one,) = found(tmp_path, key, **given)
    assert one.startswith("9:17: services.a.hash.key: ${")
    assert one.endswith(f"is empty for every request that comes here: {reason}")


@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("${path.user}", {"path": "/{user}"}),
        ("${note.rate_limit}", {"filters": "limit"}),
        ("${note.jwt.sub}", {"filters": "mine"}),  # who knows
        ("${note.jwt.sub}", {"filters": "nobody"}),  # told already
        ("${header.x-user}", {"dropped": "drop_headers: [x-user]", "filters": "more"}),
        ("${header.x-user}", {"dropped": "drop_headers: [x-user]", "filters": "mine"}),
        ("${header.x-user}", {"dropped": "drop_headers: [x-user]", "filters": "nobody"}),
        ("${header.x-user}", {"dropped": "drop_headers: [x-other]"}),
        ("${client.address}", {}),
    ],
)
def test_a_key_that_some_request_may_have(tmp_path: Path, key: str, given: dict[str, str]) -> None:
    assert found(tmp_path, key, **given) == []


def test_what_a_body_says_may_be_a_key_of_services_of_models(tmp_path: Path) -> None:
    keys = "b: {balance: consistent_hash, hash: {key: '${note.asked_model.user}'}, "
    assert problems(tmp_path, file("models: true, service: b").replace("b: {", keys)) == []
    (told,) = problems(tmp_path, MINIMAL.replace("a: {", keys.replace("b: {", "a: {")))
    assert "no filter in front of this service notes 'asked_model'" in told

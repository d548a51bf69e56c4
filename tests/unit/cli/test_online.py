"""What comes of tries, told with the places of the file."""

from __future__ import annotations

from pathlib import Path

from fastgw.cli.online import Online, look
from fastgw.cli.tries import FailedError, Referred, Usable
from fastgw.config.load import inspect
from tests.unit.config.files import MINIMAL

A, B = ("services", "a"), ("routes", 0)


async def _good() -> Usable:
    return Usable("2 members", (), {"members": 2})


async def _doubtful() -> Usable:
    return Usable("0 members", ("it lists nobody", "really"))


async def _bad() -> Usable:
    raise FailedError("denied", "the password hunter2222 is wrong")


def looked(folder: Path, *wanted: Referred) -> Online:
    path = folder / "gw.yaml"
    path.write_text(MINIMAL + "zone: ${SECRET}\n")
    found = inspect(path, {"SECRET": "hunter2222"})
    assert found.spec is not None and found.document is not None
    return look(found.spec, found.document, lambda _: wanted)


def test_what_can_be_used_is_a_line(tmp_path: Path) -> None:
    found = looked(tmp_path, Referred("etcd", "etcd here", (A,), _good))
    [line] = found.fine
    assert line.startswith(f"{tmp_path}/gw.yaml:6:3: fine: services.a: etcd here: 2 members, in ")
    assert found.problems == found.warnings == []
    [record] = found.records
    assert record | {"seconds": 0} == {
        "kind": "etcd",
        "place": "etcd here",
        "paths": ["services.a"],
        "line": 6,
        "state": "fine",
        "cause": None,
        "said": "2 members",
        "warnings": [],
        "seconds": 0,
        "members": 2,
    }


def test_what_cannot_is_a_problem_without_secrets_of_the_environment(tmp_path: Path) -> None:
    found = looked(tmp_path, Referred("etcd", "etcd here", (A, B), _bad))
    [problem] = found.problems
    assert (problem.line, problem.path) == (6, "services.a")
    assert problem.message.endswith(" is wrong (denied); so it is for 1 more, such as routes[0]")
    assert "hunter2222" not in problem.message and "hunter2222" not in str(found.records)
    assert found.fine == [] and found.records[0]["state"] == "failed"


def test_what_is_hardly_meant_is_a_warning_each(tmp_path: Path) -> None:
    found = looked(tmp_path, Referred("etcd", "etcd here", (A,), _doubtful))
    assert [one.message for one in found.warnings] == ["etcd here: it lists nobody", "etcd here: really"]
    assert found.fine == found.problems == []

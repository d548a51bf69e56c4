"""Sources that are tried once: what is said of them, by what they list."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fastgw.cli import source_tries
from fastgw.cli.references import references
from fastgw.cli.tries import FailedError, Usable
from fastgw.core.sources import EtcdSettings, RegistryUrl
from fastgw.discovery.listing import SourceError
from tests.unit.cli.test_references import spec_of

CONFIG = """
listeners: [{{address: "127.0.0.1:18080"}}]
routes: [{{path: /*, service: a}}]
services:
  a: {{discovery: {{file: {{path: {path}}}{more}}}}}
"""


def tried(folder: Path, text: str | None, more: str = "", name: str = "m.yaml") -> Usable:
    """What comes of a try of a file with ``text``."""
    if text is not None:
        (folder / "m.yaml").write_text(text)
    [reference] = references(spec_of(CONFIG.format(path=folder / name, more=more), folder))
    return asyncio.run(reference.attempt())


def test_members_are_counted(tmp_path: Path) -> None:
    found = tried(tmp_path, "[10.0.0.1:1, 10.0.0.2:1]")
    assert found.said.startswith("2 members at sha256:") and not found.warnings
    assert (found.facts["members"], found.facts["skipped"], found.facts["entries"]) == (2, 0, [])


def test_nobody_and_entries_that_are_none(tmp_path: Path) -> None:
    assert tried(tmp_path, "[]").warnings == ("it lists nobody",)
    found = tried(tmp_path, "- up\n- 10.0.0.1:1\n")
    assert found.warnings == ("1 entry is no member: line 1: 'up' has no port",)
    assert found.facts["entries"] == [{"entry": "line 1", "reason": "'up' has no port"}]
    nobody, many = tried(tmp_path, "- up\n" * 7).warnings
    assert nobody == "it lists nobody"
    assert many.startswith("7 entries are no members: line 1: 'up' has no port; line 2") and many.endswith(
        "; and 2 more"
    )


def test_metadata_that_no_member_has(tmp_path: Path) -> None:
    text = '[{address: "10.0.0.1:1", version: "1"}, {address: "10.0.0.2:1"}]'
    [warning] = tried(tmp_path, text, ", where: {version: '2'}").warnings
    assert warning == "a keeps none of 2 members (where: {version: 2}); there is version: 1"
    [warning] = tried(tmp_path, text, ", where: {stage: live}").warnings
    assert warning.endswith("there is nothing of that name")
    assert not tried(tmp_path, text, ", where: {version: '1'}").warnings


def test_a_source_that_is_not_there_shows_what_is(tmp_path: Path) -> None:
    said = f"{tmp_path}/n.yaml is not there; in {tmp_path} there are gw.yaml, m.yaml; did you mean 'm.yaml'?"
    with pytest.raises(FailedError) as caught:
        tried(tmp_path, "[]", name="n.yaml")
    assert (caught.value.cause, str(caught.value)) == ("not_found", said)


Endpoint = source_tries._Endpoint
CLUSTER = EtcdSettings(tuple(RegistryUrl(False, "127.0.0.1", port) for port in (1, 2, 3)), "")
REFUSED = SourceError("refused", "it refused the connection")


def cluster(monkeypatch: pytest.MonkeyPatch, *answers: source_tries._Endpoint | SourceError) -> Usable:
    async def asked(_: EtcdSettings, at: int) -> source_tries._Endpoint | SourceError:
        return answers[at]

    monkeypatch.setattr(source_tries, "_asked", asked)
    return asyncio.run(source_tries._try_cluster(CLUSTER))


def test_endpoints_of_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    one, denied = Endpoint(7, ()), Endpoint(0, ())
    found = cluster(monkeypatch, one, one, denied)
    assert (found.said, found.warnings) == ("3 of 3 endpoints answer", ())
    found = cluster(monkeypatch, one, REFUSED, Endpoint(7, ("no space",)))
    assert found.warnings == (
        "1 of 3 endpoints cannot be asked: it refused the connection",
        "etcd complains: no space",
    )
    assert found.facts == {"endpoints": 3, "answering": 2}
    for answers, cause, said in (
        ((one, one, Endpoint(8, ())), "mixed", "its endpoints belong to 2 clusters"),
        ((REFUSED, REFUSED, REFUSED), "refused", "none of 3 endpoints answers: it refused the connection"),
    ):
        with pytest.raises(FailedError, match=said) as caught:
            cluster(monkeypatch, *answers)
        assert caught.value.cause == cause

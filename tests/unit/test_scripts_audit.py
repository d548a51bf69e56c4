"""scripts/audit finds what it is there for: a release with an advisory, a licence, an exception that nothing needs any more."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.licenses import InvalidLicenseExpression
from packaging.utils import canonicalize_name

from tests.support.demo import load
from tests.support.gateway import ROOT

_audit = load("scripts/_audit.py")
LISTED = json.loads((ROOT / "constraints" / "advisories.json").read_text())
BAD = {
    "id": "PYSEC-1",
    "aliases": ["CVE-1"],
    "package": "h11",
    "affected": ["<0.16.0"],
    "fixed": "0.16.0",
    "summary": "x",
}


def rows(*findings: object) -> list[tuple[str, str]]:
    return [(one.subject, one.what) for one in findings]  # type: ignore[attr-defined]


def test_pins_are_read_from_all_but_what_runs_beside(tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text(
        "# x==9\nPy_YAML==6.0 ; python_version < '4' \\\n    --hash=sha256:0\n    # via a==1\n"
    )
    (tmp_path / "run.txt").write_text("py-yaml==7.0\nb==1+local\n")
    (tmp_path / "litellm.txt").write_text("c==1\n")
    assert _audit.pins(tmp_path) == {"py-yaml": {"6.0", "7.0"}, "b": {"1+local"}}


@pytest.mark.parametrize(("release", "found"), [("0.15.0", 1), ("0.16.0", 0), ("0.16.0rc1", 0), ("0.9", 1)])
def test_a_release_with_an_advisory(release: str, found: int) -> None:
    answer = list(_audit.known({"h11": {release}}, [BAD], _audit.Policy()))
    assert len(answer) == found
    if found:
        assert rows(*answer) == [(f"h11 {release}", "CVE-1 PYSEC-1: x")] and answer[0].remedy == "mended by 0.16.0"


def test_an_exception_is_by_any_name_and_only_while_it_is_needed() -> None:
    policy = _audit.Policy(ignored={"CVE-1": "we do not call it"})
    assert list(_audit.known({"h11": {"0.15"}}, [BAD], policy)) == []
    assert rows(*_audit.known({"h11": {"0.16"}}, [BAD], policy)) == [
        ("CVE-1", "is ignored, and concerns nothing that is pinned")
    ]


def test_every_advisory_of_the_list_can_be_read_and_matches_something() -> None:
    for one in LISTED["advisories"]:
        assert one["package"] == canonicalize_name(one["package"]) and one["affected"] and one["summary"], one["id"]
        releases = {f"{number}.{minor}" for number in range(60) for minor in range(10)} | {"2.10.0", "0.15.0"}
        releases |= {text.strip("<=>!~") for part in one["affected"] for text in part.split(",")}
        assert list(_audit.known({one["package"]: releases}, [one], _audit.Policy())), one["id"]


def test_nothing_that_is_pinned_is_in_the_list() -> None:
    policy = _audit.Policy.read(_audit.POLICY)
    assert list(_audit.known(_audit.pins(ROOT / "constraints"), LISTED["advisories"], policy)) == []


def test_ranges_of_the_database_are_specifiers() -> None:
    events = [
        {"introduced": "0"},
        {"fixed": "1.2"},
        {"introduced": "2.0"},
        {"last_affected": "2.4"},
        {"introduced": "3"},
    ]
    assert list(_audit.specifiers_of(events)) == ["<1.2", ">=2.0,<=2.4", ">=3"]
    assert list(_audit.specifiers_of([{"introduced": "0"}])) == [">=0"]


def registry(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Have pip-audit print ``answers``, one after the other; return what it was asked."""
    asked: list[str] = []
    left = list(answers)

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(Path(command[-1]).read_text())
        return subprocess.CompletedProcess(command, 0, left.pop(0), "")

    monkeypatch.setattr(_audit.subprocess, "run", run)
    return asked


KNOWN = {"id": "PYSEC-1", "fix_versions": ["0.16.0"], "aliases": ["CVE-1"], "description": "bad\nvery"}
FINE = json.dumps({"dependencies": [{"name": "pip", "version": "26.0", "vulns": []}]})
BAD_H11 = json.dumps({"dependencies": [{"name": "h11", "version": "0.15.0", "vulns": [KNOWN]}]})
MIRROR = json.dumps({"dependencies": [{"name": "pip", "skip_reason": "not found"}]})


def test_what_the_registry_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = registry(monkeypatch, FINE, BAD_H11, FINE)
    told = _audit.from_registry({"h11": {"0.15.0", "0.16.0"}, "b": {"1"}})
    assert asked == ["pip==26.0\n", "h11==0.15.0\nb==1\n", "h11==0.16.0\n"]
    assert rows(*_audit.known({"h11": {"0.15.0"}}, told, _audit.Policy())) == [("h11 0.15.0", "CVE-1 PYSEC-1: bad")]


@pytest.mark.parametrize("answer", [MIRROR, "", "{}"])
def test_a_registry_that_knows_nothing(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    asked = registry(monkeypatch, answer)
    assert _audit.from_registry({"h11": {"0.15.0"}}) is None and len(asked) == 1


def test_an_entry_of_the_database() -> None:
    affected = {
        "package": {"name": "H_11", "ecosystem": "PyPI"},
        "ranges": [
            {"type": "GIT", "events": [{"introduced": "0"}]},
            {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "0.16"}]},
        ],
    }
    told = {"id": "PYSEC-1", "details": "long " * 50 + "\nmore", "affected": [affected]}
    (entry,) = _audit.entries(told)
    assert entry["package"] == "h-11" and entry["affected"] == ["<0.16"] and entry["fixed"] == "0.16"
    assert len(entry["summary"]) == 100
    assert list(_audit.entries({**told, "withdrawn": "2024-01-01T00:00:00Z"})) == []


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("mit", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT AND (GPL-3.0-only OR Apache-2.0)", True),
        ("(MIT AND GPL-3.0-only) OR (GPL-3.0-only AND MIT)", False),
        ("Apache-2.0 WITH LLVM-exception", False),
    ],
)
def test_licences(expression: str, allowed: bool) -> None:
    assert _audit.is_allowed(expression, {"MIT", "Apache-2.0"}) is allowed


def test_an_expression_that_is_none() -> None:
    with pytest.raises(InvalidLicenseExpression):
        _audit.is_allowed("as you like", {"MIT"})


def test_licences_of_a_document() -> None:
    mit = {"license": {"id": "MIT"}}
    classifier = {"license": {"name": "License :: OSI Approved :: MIT License"}}
    components = [
        {"name": "a", "licenses": [mit, classifier]},
        {"name": "b", "licenses": [classifier]},
        {"name": "c", "licenses": [{"expression": "GPL-3.0-only"}]},
        {"name": "d_e"},
        {"name": "f", "licenses": [mit, {"license": {"id": "GPL-3.0-only"}}]},
    ]
    found = _audit.licences(components, _audit.Policy({"MIT"}, {"d-e": "MIT", "z": "MIT"}))
    assert rows(*found) == [
        ("b", "its metadata names no licence"),
        ("c", "the licence GPL-3.0-only is not allowed"),
        ("f", "the licence (MIT) AND (GPL-3.0-only) is not allowed"),
        ("z", "has a licence in constraints/audit.toml that is not needed"),
    ]


def test_a_finding_is_a_row_and_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert _audit.report("nothing", list)
    assert not _audit.report("something", lambda: [_audit.Finding("h11 0.15", "CVE-1: x", "mended by 0.16")])
    assert "h11 0.15  CVE-1: x  [mended by 0.16]\n  1 found" in capsys.readouterr().out


def test_extras_of_an_installation_are_all_audited() -> None:
    """What is not for those who work on the project is in the extra ``all``, of which constraints/run.txt is made."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (everything,) = extras["all"]
    ours = extras.keys() - {"all", "demo", "test", "dev", "bench", "fuzz"}
    assert everything == f"fastgw[{','.join(sorted(ours))}]"

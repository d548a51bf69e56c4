"""What ``constraints/`` pins is what ``pyproject.toml`` asks for: ``scripts/lock`` was not forgotten."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.gateway import ROOT

CONSTRAINTS = ROOT / "constraints"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
BUILD = PROJECT["build-system"]["requires"]
RUN = PROJECT["project"]["dependencies"]
ALL = EXTRAS["all"][0].removeprefix("fastgw[").removesuffix("]").split(",")
WANTED = {
    "test": [*RUN, *EXTRAS["test"], *EXTRAS["dev"], *EXTRAS["demo"], *EXTRAS["jwt"], *EXTRAS["basic"], *BUILD],
    "build": BUILD,
    "run": [*RUN, *(one for name in ALL for one in EXTRAS[name])],
    "demo": [*RUN, *EXTRAS["demo"], *BUILD],
    "bench": [*RUN, *EXTRAS["bench"], *EXTRAS["jwt"], *EXTRAS["basic"], *BUILD],
    "fuzz": [*RUN, *EXTRAS["fuzz"]],
}


def pins(path: Path) -> dict[str, tuple[str, int]]:
    """Release and number of hashes of each package that a file of constraints names."""
    found: dict[str, tuple[str, int]] = {}
    for entry in re.split(r"(?m)^(?=[A-Za-z0-9])", path.read_text())[1:]:
        name, release = re.match(r"([A-Za-z0-9._-]+)==([^ ;\\\n]+)", entry).groups()  # type: ignore[union-attr]
        found[canonicalize_name(name)] = (release, entry.count("--hash=sha256:"))
    return found


@pytest.mark.parametrize("name", sorted(path.stem for path in CONSTRAINTS.glob("*.txt")))
def test_every_release_has_its_hashes(name: str) -> None:
    found = pins(CONSTRAINTS / f"{name}.txt")
    assert found and all(hashes for _, hashes in found.values())


@pytest.mark.parametrize("name", sorted(WANTED))
def test_every_requirement_is_pinned_within_its_range(name: str) -> None:
    found = pins(CONSTRAINTS / f"{name}.txt")
    for requirement in map(Requirement, WANTED[name]):
        if requirement.name != "fastgw":  # an extra that names others
            release, _ = found[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(release, prereleases=True), f"{requirement}: scripts/lock"


def test_all_agree() -> None:
    """One release of a package is what tests, demo, benchmarks and builds use."""
    tested = pins(CONSTRAINTS / "test.txt")
    for name in ("build", "run", "demo", "bench", "fuzz"):
        other = pins(CONSTRAINTS / f"{name}.txt")
        assert {one: other[one][0] for one in other.keys() & tested.keys()} == {
            one: tested[one][0] for one in other.keys() & tested.keys()
        }

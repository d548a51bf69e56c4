"""The questions of ``scripts/audit``; see there."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
ADVISORIES = ROOT / "constraints" / "advisories.json"
POLICY = ROOT / "constraints" / "audit.toml"
BESIDE = {
    "litellm",
    "peers",
    "routers",
}  #: servers to compare with: they are measured beside the gateway, and are no part of it
TOOLS = Path(sys.executable).parent
PATIENCE = 300  #: seconds for the registry to answer


@dataclass(frozen=True)
class Finding:
    """One row of the table: what it is about, what was found, and what can be done."""

    subject: str
    what: str
    remedy: str


@dataclass
class Policy:
    """What was reviewed (``constraints/audit.toml``)."""

    allowed: set[str] = field(default_factory=set)  #: SPDX names of licences
    licences: dict[str, str] = field(default_factory=dict)  #: by package, where its metadata has none
    ignored: dict[str, str] = field(default_factory=dict)  #: advisories that do not concern us, with the reason

    @classmethod
    def read(cls, path: Path) -> Policy:
        text = tomllib.loads(path.read_text())
        return cls(set(text["licences"]["allowed"]), text["licences"].get("packages", {}), text.get("ignored", {}))


# -- advisories ---------------------------------------------------------------------------------------------------


def pins(folder: Path) -> dict[str, set[str]]:
    """The releases of each package that the files of ``folder`` pin."""
    found: dict[str, set[str]] = {}
    for path in sorted(folder.glob("*.txt")):
        if path.stem not in BESIDE:
            for name, release in re.findall(r"(?m)^([A-Za-z0-9._-]+)==([^ ;\\\n]+)", path.read_text()):
                found.setdefault(canonicalize_name(name), set()).add(release)
    return found


def known(pinned: Mapping[str, set[str]], advisories: Iterable[Mapping[str, Any]], policy: Policy) -> Iterator[Finding]:
    """What ``advisories`` have against ``pinned``; and which exceptions of ``policy`` are not needed any more."""
    used: set[str] = set()
    for advisory in advisories:
        names = {advisory["id"], *advisory.get("aliases", ())}
        for release in sorted(pinned.get(canonicalize_name(advisory["package"]), ())):
            if not any(SpecifierSet(one).contains(release, prereleases=True) for one in advisory["affected"]):
                continue
            if ignored := names & policy.ignored.keys():
                used |= ignored
            else:
                fixed = advisory.get("fixed") or "no release"
                said = f"{' '.join(sorted(names))}: {advisory['summary']}"
                yield Finding(f"{advisory['package']} {release}", said, f"mended by {fixed}")
    for name in sorted(policy.ignored.keys() - used):
        yield Finding(name, "is ignored, and concerns nothing that is pinned", "take it out of constraints/audit.toml")


def from_registry(pinned: Mapping[str, set[str]]) -> list[dict[str, Any]] | None:
    """The advisories that PyPI has about ``pinned``; None where it tells none, as mirrors do."""
    if ask({"pip": "26.0"}) is None:  # one question, before one for each package
        return None
    found: list[dict[str, Any]] = []
    for turn in range(max(map(len, pinned.values()))):  # it takes one release of a package at a time
        some = {name: sorted(releases)[turn] for name, releases in pinned.items() if len(releases) > turn}
        if (told := ask(some)) is None:
            return None
        found += told
    return found


def ask(pinned: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """What pip-audit finds about one release of each package; None if it learns of none of them."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{name}=={release}\n" for name, release in pinned.items())
        file.flush()
        command = [TOOLS / "pip-audit", "-f", "json", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
        try:
            done = subprocess.run(
                [*command, "-r", file.name], capture_output=True, text=True, check=False, timeout=PATIENCE
            )
            answers = json.loads(done.stdout)["dependencies"]
        except (subprocess.TimeoutExpired, ValueError, KeyError):
            return None  # it could not reach the registry
    if all("skip_reason" in answer for answer in answers):
        return None
    return [
        {
            "id": one["id"],
            "aliases": one["aliases"],
            "package": answer["name"],
            "affected": [f"=={answer['version']}"],
            "fixed": ", ".join(one["fix_versions"]),
            "summary": shortened(one["description"].strip()),
        }
        for answer in answers
        for one in answer.get("vulns", ())
    ]


def shortened(text: str) -> str:
    """The first line of it, if that is not too long."""
    line = text.partition("\n")[0]
    return line if len(line) <= 100 else f"{line[:99]}…"


def advisories(policy: Policy, *, is_offline: bool) -> list[Finding]:
    pinned = pins(ROOT / "constraints")
    listed = json.loads(ADVISORIES.read_text())
    told = None if is_offline else from_registry(pinned)
    if told is not None:
        print(f"{len(pinned)} packages, by what PyPI knows today, and by the list here ({listed['as_of']})")
    else:
        why = "asked nobody" if is_offline else "the registry that is reached here tells no advisories"
        print(
            f"{len(pinned)} packages, by the {len(listed['advisories'])} advisories of {listed['as_of']} alone: {why}"
        )
    return list(dict.fromkeys(known(pinned, [*(told or ()), *listed["advisories"]], policy)))


# -- code ---------------------------------------------------------------------------------------------------------


def code() -> list[Finding]:
    command = [TOOLS / "bandit", "-q", "-r", "fastgw", "-c", "pyproject.toml", "-f", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout)
    print(f"{answer['metrics']['_totals']['loc']} lines of fastgw/, by bandit")
    found = [
        Finding(f"{one['filename'].removeprefix('./')}:{one['line_number']}", one["issue_text"], one["test_id"])
        for one in answer["results"]
    ]
    return found + [Finding(one["filename"], one["reason"], "bandit could not read it") for one in answer["errors"]]


# -- contents -----------------------------------------------------------------------------------------------------


def contents(python: Path, target: Path) -> list[Finding]:
    """Write what the environment of ``python`` contains to ``target``."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    command = [TOOLS / "cyclonedx-py", "environment", "--pyproject", "pyproject.toml", "--mc-type", "application"]
    options = ["--spec-version", "1.6", "--output-reproducible", "--no-validate"]
    done = subprocess.run([*command, *options, python], cwd=ROOT, capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    initial = (ROOT / "fastgw" / "__init__.py").read_text()
    document["metadata"]["component"]["version"] = re.findall(r'(?m)^__version__ = "(.+)"', initial)[0]
    text = json.dumps(document, indent=2) + "\n"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    print(f"{len(document['components'])} packages of an installation: {target}")
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return [Finding(str(target), str(error), "is no valid CycloneDX 1.6")] if error else []


# -- licences -----------------------------------------------------------------------------------------------------


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression lets us use what it is the licence of.

    Raises InvalidLicenseExpression.
    """
    words = re.findall(r"[()]|[^()\s]+(?: WITH [^()\s]+)?", canonicalize_license_expression(expression))

    def either() -> bool:
        found = all_of()
        while words and words[0] == "OR":
            words.pop(0)
            found = all_of() or found
        return found

    def all_of() -> bool:
        found = one()
        while words and words[0] == "AND":
            words.pop(0)
            found = one() and found
        return found

    def one() -> bool:
        word = words.pop(0)
        if word != "(":
            return word in allowed
        found = either()
        words.pop(0)
        return found

    return either()


def licence_of(component: Mapping[str, Any]) -> str | None:
    """The SPDX expression of a component of a CycloneDX document; None if its metadata has only words."""
    found = [entry.get("expression") or entry.get("license", {}).get("id") for entry in component.get("licenses", ())]
    named = [text for text in dict.fromkeys(found) if text]
    return named[0] if len(named) == 1 else " AND ".join(f"({text})" for text in named) or None


def licences(components: Sequence[Mapping[str, Any]], policy: Policy) -> Iterator[Finding]:
    by_licence: dict[str, list[str]] = {}
    unused = dict(policy.licences)
    for component in components:
        name = canonicalize_name(component["name"])
        expression = licence_of(component) or unused.pop(name, None)
        if expression is None:
            yield Finding(name, "its metadata names no licence", "look, and write it to constraints/audit.toml")
            continue
        by_licence.setdefault(expression, []).append(name)
        try:
            if not is_allowed(expression, policy.allowed):
                yield Finding(name, f"the licence {expression} is not allowed", "another package, or a review")
        except InvalidLicenseExpression:
            yield Finding(name, f"{expression} is no SPDX expression", "write it to constraints/audit.toml")
    for name in unused:
        yield Finding(name, "has a licence in constraints/audit.toml that is not needed", "take it out")
    for expression, names in sorted(by_licence.items()):
        print(f"{expression}: {', '.join(names)}")


# -- the list of advisories ---------------------------------------------------------------------------------------


def update(checkout: Path) -> None:
    """Take what ``checkout`` has about pinned packages into the list; entries of other sources stay."""
    import yaml

    date = subprocess.run(
        ["git", "-C", checkout, "log", "-1", "--format=%cs"], capture_output=True, text=True, check=True
    ).stdout.strip()
    pinned = pins(ROOT / "constraints")
    found = []
    for path in sorted((checkout / "vulns").glob("*/*.yaml")):
        if canonicalize_name(path.parent.name) in pinned:
            found.extend(entries(yaml.safe_load(path.read_text())))
    old = json.loads(ADVISORIES.read_text())["advisories"] if ADVISORIES.exists() else []
    taken = {name for one in found for name in (one["id"], *one["aliases"])}
    own = [one for one in old if "source" in one and not taken & {one["id"], *one["aliases"]}]
    write_advisories(date, found + own)


def write_advisories(date: str, found: list[dict[str, Any]]) -> None:
    document = {
        "about": "Known vulnerabilities of packages that constraints/ pins, for machines that reach no database; scripts/audit --update",
        "source": "https://github.com/pypa/advisory-database (CC-BY-4.0), shortened, and entries that name a source of their own",
        "as_of": date,
        "advisories": sorted(found, key=lambda one: (one["package"], one["id"])),
    }
    ADVISORIES.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(found)} advisories of {date}: {ADVISORIES}")


def entries(advisory: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """An advisory of the database (OSV) as our list has it, once for each package."""
    if advisory.get("withdrawn"):
        return
    for affected in advisory["affected"]:
        if affected["package"]["ecosystem"] == "PyPI":
            ranges = [one for one in affected.get("ranges", ()) if one["type"] == "ECOSYSTEM"]
            specifiers = [text for one in ranges for text in specifiers_of(one["events"])]
            yield {
                "id": advisory["id"],
                "aliases": advisory.get("aliases", []),
                "package": canonicalize_name(affected["package"]["name"]),
                "affected": specifiers or [f"=={release}" for release in affected.get("versions", ())],
                "fixed": ", ".join(event["fixed"] for one in ranges for event in one["events"] if "fixed" in event),
                "summary": shortened(advisory.get("summary") or advisory["details"]),
            }


def specifiers_of(events: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """The events of a range of OSV (introduced, fixed, last_affected, in order) as specifiers of releases."""
    begin = ""
    for event in events:
        if "introduced" in event:
            begin = "" if event["introduced"] == "0" else f">={event['introduced']},"
            if event is events[-1]:
                yield begin.rstrip(",") or ">=0"
        elif "fixed" in event:
            yield f"{begin}<{event['fixed']}"
        elif "last_affected" in event:
            yield f"{begin}<={event['last_affected']}"


# -- all of it ----------------------------------------------------------------------------------------------------


def report(title: str, question: Callable[[], Iterable[Finding]]) -> bool:
    """Ask, print what was found as a table; return whether there was nothing."""
    print(f"\n{title}")
    found = list(question())
    width = max((len(one.subject) for one in found), default=0)
    for one in found:
        print(f"  {one.subject:{width}}  {one.what}  [{one.remedy}]")
    print(f"  {len(found) or 'nothing'} found")
    return not found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/audit")
    parser.add_argument("--offline", action="store_true", help="ask no registry for advisories")
    parser.add_argument("--sbom", type=Path, default=ROOT / "dist" / "fastgw.cdx.json", metavar="FILE")
    parser.add_argument("--update", type=Path, metavar="DIRECTORY", help="a checkout of pypa/advisory-database")
    parser.add_argument("--contents", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.update:
        update(given.update)
        return 0
    policy = Policy.read(POLICY)
    good = [
        report("advisories", lambda: advisories(policy, is_offline=given.offline)),
        report("code", code),
        report("contents", lambda: contents(given.contents, given.sbom)),
        report("licences", lambda: licences(json.loads(given.sbom.read_text())["components"], policy)),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())

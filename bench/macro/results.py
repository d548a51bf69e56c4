"""What a run found: plain data, written as JSON and read back for reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench.macro.stats import Ratio, median, paired_ratio

SCHEMA = 1


@dataclass(slots=True)
class Measured:
    """One gateway in one setting: a sample for each round."""

    peer: str
    variant: str
    samples: list[dict[str, float]] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Both names."""
        return f"{self.peer}, {self.variant}" if self.variant else self.peer

    def values(self, metric: str) -> list[float]:
        """The metric in each round that has it."""
        return [sample[metric] for sample in self.samples if metric in sample]

    def median(self, metric: str) -> float | None:
        """Its middle, None when it was not measured."""
        values = self.values(metric)
        return median(values) if values else None

    def ratio(self, other: Measured | None, metric: str) -> Ratio | None:
        """Against another of the same run, round by round."""
        return paired_ratio(self.values(metric), other.values(metric)) if other is not None else None


@dataclass(slots=True)
class CaseResult:
    """All that was measured in a case."""

    name: str
    title: str
    headline: str
    notes: str
    compare_first: bool
    rounds: int
    seconds: float
    rate: float = 0.0
    measured: list[Measured] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)  #: who, why

    def find(self, peer: str, variant: str | None = None) -> Measured | None:
        """The first of a peer, or the one in a setting."""
        for one in self.measured:
            if one.peer == peer and variant in (None, one.variant):
                return one
        return None

    def last(self, peer: str) -> Measured | None:
        """The last of a peer: its largest setting."""
        return next((one for one in reversed(self.measured) if one.peer == peer), None)

    @property
    def variants(self) -> list[str]:
        """Settings in their order."""
        return list(dict.fromkeys(one.variant for one in self.measured))


@dataclass(slots=True)
class RunResult:
    """A whole run."""

    started: str  #: ISO 8601, UTC
    profile: str
    machine: dict[str, str]
    versions: dict[str, str]
    cases: list[CaseResult] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)  #: peer -> why it could not run at all

    def case(self, name: str) -> CaseResult | None:
        """A case by name, None when it was not run."""
        return next((case for case in self.cases if case.name == name), None)


def save(run: RunResult, path: Path) -> None:
    """Write ``results.json``."""
    document = {"schema": SCHEMA, "run": run}
    path.write_bytes(orjson.dumps(_rounded(orjson.loads(orjson.dumps(document))), option=orjson.OPT_INDENT_2))


def load(path: Path) -> RunResult:
    """Read ``results.json``.  ValueError for another schema."""
    document = orjson.loads(path.read_bytes())
    if document.get("schema") != SCHEMA:
        raise ValueError(f"{path}: schema {document.get('schema')}, not {SCHEMA}")
    raw = document["run"]
    cases = [_case(case) for case in raw.pop("cases")]
    return RunResult(**raw, cases=cases)


def _case(raw: dict[str, Any]) -> CaseResult:
    measured = [Measured(**one) for one in raw.pop("measured")]
    skipped = [(str(who), str(why)) for who, why in raw.pop("skipped")]
    return CaseResult(**raw, measured=measured, skipped=skipped)


def _rounded(value: Any) -> Any:
    """Six significant digits are more than any figure here is worth."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value

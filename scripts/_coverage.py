"""Fails when a package of the data plane has less than 95 % of its branches covered; reads pytest's .coverage file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import PurePath
from tempfile import NamedTemporaryFile

PACKAGES = ("wire", "routing", "policy", "core")
LOWEST = 95.0


def main() -> int:
    with NamedTemporaryFile(suffix=".json") as report:
        subprocess.run([sys.executable, "-m", "coverage", "json", "-q", "-o", report.name], check=True)
        files = json.load(report)["files"]
    branches, covered, missing = Counter[str](), Counter[str](), []
    for name, data in files.items():
        package = PurePath(name).parts[1]
        summary = data["summary"]
        branches[package] += summary["num_branches"]
        covered[package] += summary["covered_branches"]
        if package in PACKAGES and data["missing_branches"]:
            missing.append(f"  {name}: {', '.join(f'{a}->{b}' for a, b in data['missing_branches'])}")
    worst = 100.0
    for package in PACKAGES:
        percent = 100.0 * covered[package] / (branches[package] or 1) if branches[package] else 100.0
        worst = min(worst, percent)
        print(f"coverage of fastgw/{package}: {percent:.1f} % of {branches[package]} branches")
    if worst < LOWEST:
        print(f"less than {LOWEST} % in one of them; not taken:", *missing, sep="\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

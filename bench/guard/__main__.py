"""``python -m bench.guard [--update]``: 0 when every count is within 3 % of the committed one, or none is committed for these tools; 1 when
not; 2 when it cannot count."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence

import fastgw
from bench.guard.count import GuardError, compare, describe, key_of, load_baseline, measure, medians, save_baseline


def main(argv: Sequence[str]) -> int:
    """Count, compare or update."""
    parser = argparse.ArgumentParser(prog="scripts/guard", description=__doc__)
    parser.add_argument("--update", action="store_true", help="make the figures of this checkout the committed ones")
    parser.add_argument("--pure", action="store_true", help="count the Python form even if no figure is asked for it")
    parser.add_argument(
        "--annotate", default="", metavar="NAME", help="say which functions a workload's instructions are in"
    )
    options = parser.parse_args(argv)
    if not fastgw.compiled() and not options.pure:
        print("scripts/guard: the core is not compiled (scripts/build); --pure counts it as it is", file=sys.stderr)
        return 2
    key, baseline = key_of(platform.python_version(), fastgw.compiled()), load_baseline()
    try:
        measured, annotated = measure(options.annotate)
        if not all(one.is_within for one in compare(measured, baseline.get(key, {}))):
            print("counted again twice, since what else the machine does may show: the median counts")
            measured = medians(measured, measure("")[0], measure("")[0])
    except GuardError as error:
        print(f"scripts/guard: {error}", file=sys.stderr)
        return 2
    findings = compare(measured, baseline.get(key, {}))
    print(key, *(describe(finding) for finding in findings), sep="\n")
    if annotated:
        print(f"\n{options.annotate}, all repetitions:\n{annotated}")
    if options.update:
        save_baseline({**baseline, key: measured})
        return 0
    if key not in baseline:
        print(
            f"nothing is committed for these tools, so nothing is held (there is: {'; '.join(baseline) or 'nothing'})"
        )
        return 0
    return 0 if all(finding.is_within for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

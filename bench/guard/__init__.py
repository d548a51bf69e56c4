"""Instruction counts of the core on fixed input: a guard against regressions that does not depend on the machine's mood.

``scripts/guard`` runs it; the committed figures are in ``baseline.json``, one set for each minor version of Python.
"""

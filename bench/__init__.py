"""Benchmarks of the gateway: whole processes (``macro``), single functions (``micro``), instruction counts (``guard``).

``scripts/bench`` runs ``python -m bench``; ``docs/benchmarks.md`` says how the figures come about and how to read them.
"""

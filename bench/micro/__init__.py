"""Micro benchmarks: one function, or one whole exchange, without kernel and event loop.

``python -m pytest bench/micro`` runs them under pytest-benchmark; ``tests/unit/bench/test_allocations.py`` holds the ceilings.
"""

"""The one exception of the benchmark."""

from __future__ import annotations


class BenchError(Exception):
    """Something the benchmark needs did not work; the message says what and shows the program's last words."""

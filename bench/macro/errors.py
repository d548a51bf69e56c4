"""The one exception of the benchmark, and how a reason is told in one line."""

from __future__ import annotations


class BenchError(Exception):
    """Something the benchmark needs did not work; the message says what and shows the program's last words."""


def brief(reason: str) -> str:
    """The first line of a reason, and the last thing the program said."""
    first, *rest = [line.strip() for line in reason.splitlines() if line.strip()]
    return f"{first} {rest[-1]}" if rest else first

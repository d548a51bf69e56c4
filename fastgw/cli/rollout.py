"""``fastgw promote``, ``rollback``, ``reset`` and ``versions``: ask a running gateway at its admin socket."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from fastgw.cli.asking import asked


def ask(config: str | None, path: str | None, request: Mapping[str, Any], *, as_json: bool) -> int:
    """Print what the gateway answers to ``request``; return 0, or 1 where it could not be asked or does not do it.

    ``config``: its configuration, which names the socket; ``path``: the socket itself.
    """
    answer = asked(config, path, request)
    if answer is None:
        return 1
    if as_json:
        print(json.dumps(answer, indent=2))
    else:
        for service, told in answer.get("versions", {}).items():
            print(*_lines(service, told), sep="\n")
        if not answer.get("ok"):
            print(f"fastgw: {answer.get('detail', answer)}", file=sys.stderr)
    return 0 if answer.get("ok") else 1


def _lines(service: str, told: Mapping[str, Any]) -> list[str]:
    """A service with its versions, for people."""
    width = max(map(len, told["versions"]))
    lines = [service]
    for name, one in told["versions"].items():
        marks = [f"configured {one['configured']:g} %"] if one["configured"] != one["weight"] else []
        marks += ["shadow"] if one["shadow"] else []
        lines.append(f"  {name:<{width}}  {one['weight']:>7.4g} %{'  (' + ', '.join(marks) + ')' if marks else ''}")
    if told["plan"] is not None:
        plan = told["plan"]
        steps = ", ".join(f"{one:g}" for one in plan["steps"])
        lines.append(
            f"  plan: {plan['version']} at step {plan['step']} of {steps} %; {plan['now'] or 'it has just begun'}"
        )
    if told["outcome"]:
        lines.append(f"  the last plan: {told['outcome']}")
    return lines

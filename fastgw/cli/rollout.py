"""``fastgw promote``, ``rollback``, ``reset`` and ``versions``: ask a running gateway at its admin socket."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping
from typing import Any, Final

ANSWER_LIMIT: Final = 20.0  #: seconds
LARGEST_ANSWER: Final = 1 << 22  #: bytes


def ask(config: str | None, path: str | None, request: Mapping[str, Any], *, as_json: bool) -> int:
    """Print what the gateway answers to ``request``; return 0, or 1 where it could not be asked or does not do it.

    ``config``: its configuration, which names the socket; ``path``: the socket itself.
    """
    found = path if path is not None else _socket_of(config or "")
    if not found:
        return 1
    try:
        answer = _asked(found, request)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "it did not answer in time"
        print(f"fastgw: no gateway can be asked at {found}: {reason}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(answer, indent=2))
    else:
        for service, told in answer.get("versions", {}).items():
            print(*_lines(service, told), sep="\n")
        if not answer.get("ok"):
            print(f"fastgw: {answer.get('detail', answer)}", file=sys.stderr)
    return 0 if answer.get("ok") else 1


def _socket_of(config: str) -> str:
    from fastgw.config.load import load
    from fastgw.errors import ConfigError

    try:
        spec = load(config, os.environ)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return ""
    if not spec.admin_socket:
        print("fastgw: admin_socket is false in this configuration", file=sys.stderr)
    return spec.admin_socket


def _asked(path: str, request: Mapping[str, Any]) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(ANSWER_LIMIT)
        sock.connect(path)
        sock.sendall(json.dumps(request).encode() + b"\n")
        data = b""
        while not data.endswith(b"\n") and len(data) < LARGEST_ANSWER:
            piece = sock.recv(65536)
            if not piece:
                break
            data += piece
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("its answer is none of ours")
    return found


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

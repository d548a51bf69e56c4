"""Ask a running gateway at its admin socket: where it is, and one question with its answer."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
from collections.abc import Mapping
from typing import Any, Final

from fastgw.config.beside import default_socket

ANSWER_LIMIT: Final = 20.0  #: seconds; a reload has more
LARGEST_ANSWER: Final = 1 << 26  #: bytes
SERVICE_FOLDER: Final = "/run/fastgw"  #: where the unit in deploy/ has its sockets


def asked(
    config: str | None, path: str | None, request: Mapping[str, Any], limit: float | None = ANSWER_LIMIT
) -> dict[str, Any] | None:
    """What the gateway answers to ``request``, or None where it could not be asked, which stderr tells.

    ``config``: its configuration, which names the socket; ``path``: the socket itself; ``limit``: seconds; None: as long as it takes.
    """
    found = path if path is not None else socket_of(config or "")
    if not found:
        return None
    try:
        return question(found, request, limit)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "it did not answer in time"
        print(f"fastgw: no gateway can be asked at {found}: {reason}", file=sys.stderr)
        return None


def socket_of(config: str) -> str:
    """The admin socket of the gateway with this configuration; empty, and stderr has a reason, where there is none.

    Only a file that names one is checked as a whole: a gateway can be asked while its file is broken.
    """
    try:
        with open(config, encoding="utf-8", errors="replace") as file:
            is_named = "admin_socket" in file.read()
    except OSError as error:
        print(f"fastgw: {config}: {error.strerror}", file=sys.stderr)
        return ""
    if is_named:
        return _named(config)
    usual = default_socket(os.path.abspath(config), os.environ)
    of_unit = os.path.join(SERVICE_FOLDER, os.path.basename(usual))
    return of_unit if not _is_socket(usual) and _is_socket(of_unit) else usual


def _named(config: str) -> str:
    from fastgw.config.load import load
    from fastgw.errors import ConfigError

    try:
        spec = load(config, os.environ)
    except ConfigError as error:
        print(error, file=sys.stderr)
        print("fastgw: this file does not tell where the gateway can be asked; --socket PATH does", file=sys.stderr)
        return ""
    if not spec.admin_socket:
        print("fastgw: admin_socket is false in this configuration", file=sys.stderr)
    return spec.admin_socket


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def question(path: str, request: Mapping[str, Any], limit: float | None) -> dict[str, Any]:
    """Ask at the admin socket ``path``.  Raises OSError, ValueError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(limit)
        sock.connect(path)
        sock.sendall(json.dumps(request).encode() + b"\n")
        data = bytearray()
        while not data.endswith(b"\n") and len(data) < LARGEST_ANSWER:
            piece = sock.recv(65536)
            if not piece:
                break
            data += piece
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("its answer is none of ours")
    return found

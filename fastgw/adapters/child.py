"""One process of a service: ``python -m fastgw.adapters.child FD JSON``, started by a worker and by nothing else (``children``)."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import orjson

from fastgw import plugins
from fastgw.adapters.children import BROKE, END, EVENT, HEAD, READY, REFUSED, RESULT, told
from fastgw.adapters.speech import decoded, encoded, event
from fastgw.errors import GatewayError

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Answer calls until the worker is gone; return the exit status."""
    end_with_parent()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # of a terminal, or meant for our worker
    sock = socket.socket(fileno=int(arguments[0]))
    given = json.loads(arguments[1])
    if given["processors"] is not None:
        with contextlib.suppress(OSError):  # they have changed, or the sandbox says no: it is slower then
            os.sched_setaffinity(0, given["processors"])
    plugins.look_in(given["folder"])
    try:
        kind = plugins.find(given["reference"], plugins.SERVICES)
        service = plugins.make(kind, orjson.loads(base64.b64decode(given["settings"])))
        start = getattr(service, "start", None)
        if start is not None:
            start()
    except (Exception, SystemExit):  # noqa: BLE001 - the worker tells it
        _send(sock, BROKE, traceback.format_exc().encode())
        return 1
    _send(sock, READY, b"")
    serve = _serve_batch if given["is_batched"] else _serve
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            serve(sock, service, _receive(sock))
    close = getattr(service, "close", None)
    if close is not None:
        close()
    return 0


def end_with_parent() -> None:
    """Have the kernel end this process with the one that has started it, as nothing else could while it computes (Linux)."""
    parent = os.getppid()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def _serve(sock: socket.socket, service: Any, body: bytes) -> None:
    try:
        found = service.execute(decoded(body))
        if isinstance(found, Iterator):
            for one in found:
                _send(sock, EVENT, event(one))
            frame, data = END, b""
        else:
            frame, data = RESULT, encoded(found)
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001 - the worker tells it, and the next call may go well
        frame, data = _failure(error)
    _send(sock, frame, data)


def _serve_batch(sock: socket.socket, service: Any, body: bytes) -> None:
    inputs = orjson.loads(body)
    try:
        answers = service.execute_batch(inputs)
        if len(answers) != len(inputs):
            raise TypeError(f"execute_batch got {len(inputs)} inputs and returned {len(answers)} answers")
    except Exception as error:  # noqa: BLE001 - as above
        answers = [error] * len(inputs)
    for answer in answers:
        try:
            frame, data = _failure(answer) if isinstance(answer, Exception) else (RESULT, encoded(answer))
        except TypeError as error:
            frame, data = _failure(error)
        _send(sock, frame, data)


def _failure(error: Exception) -> tuple[bytes, bytes]:
    if isinstance(error, GatewayError):
        return REFUSED, told(error)
    return BROKE, "".join(traceback.format_exception(error)).encode()


def _send(sock: socket.socket, kind: bytes, data: bytes) -> None:
    sock.sendall(HEAD.pack(len(data) + 1) + kind + data)


def _receive(sock: socket.socket) -> bytes:
    (size,) = HEAD.unpack(_exactly(sock, HEAD.size))
    return _exactly(sock, size)


def _exactly(sock: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = sock.recv(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What is told of a start that went well, to whom it may concern, and in one line of a process that ended."""

from __future__ import annotations

import contextlib
import signal
import sys

import fastgw
from fastgw.server.gateway import Gateway
from fastgw.server.listening import Listening
from fastgw.server.log import Log
from fastgw.server.notify import notify


def start_line(gateway: Gateway, admin: list[Listening]) -> str:
    """One line for the operator: what listens where."""
    plan = gateway.plan_in_use
    places = []
    for listener in plan.spec.listeners:
        scheme = "https" if listener.tls else "http"
        bound = [plan.listenings[key] for key in listener.bind.keys]
        places.append(f"{listener.name} {' '.join(_url(one, scheme) for one in bound)}")
    scheme = "https" if plan.spec.admin is not None and plan.spec.admin.tls else "http"
    places.append(f"admin {' '.join(_url(one, scheme) for one in admin)}" if admin else "no admin address")
    build = "compiled" if fastgw.compiled() else "pure"
    count = len(gateway.workers)
    return (
        f"fastgw {fastgw.__version__} ({build}) ready: {', '.join(places)}; "
        f"{count} worker{'s' if count != 1 else ''}, generation {plan.generation}"
    )


def tell_ready(gateway: Gateway, admin: list[Listening], log: Log) -> None:
    """Every worker serves: tell whoever started us, and the service manager."""
    line = start_line(gateway, admin)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    if not notify("READY=1", f"STATUS={line}", environ=gateway.environ):
        log.warning("the service manager cannot be told that we are ready", socket=gateway.environ["NOTIFY_SOCKET"])


def _url(listening: Listening, scheme: str) -> str:
    return listening.bound if listening.address.path else f"{scheme}://{listening.bound}"


def cause(code: int) -> dict[str, object]:
    """How a process ended, for the log."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return {"signal": signal.Signals(-code).name}
    return {"status": code}

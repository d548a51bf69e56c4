"""What the file says of how the endpoints of a service are probed.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import re
from typing import Annotated, Final

from fastgw.config.grpc import call_service
from fastgw.config.http_values import FRAMING_FIELDS
from fastgw.config.model import OrOff, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.spec import HealthSpec
from fastgw.config.types import FieldName, FieldValue, Parsed, PositiveDuration, count, words
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.config.values import scalar, shown, text

_STATUSES: Final = re.compile(r"([1-5][0-9][0-9])(?:-([1-5][0-9][0-9]))?")
_TARGET: Final = re.compile(r"/[!-~]*").fullmatch
_HOST: Final = re.compile(r"[!-~]{1,255}").fullmatch
_SHORTEST: Final = 0.1  #: seconds between two probes of one address
#: What has no effect for a type, and why.
_OTHERS: Final = {
    "tcp": (("path", "host", "headers", "status", "body", "service"), "which says nothing and reads nothing"),
    "grpc": (("path", "status", "body"), "which asks grpc.health.v1.Health and knows what it answers"),
    "http": (("service",), "which asks for a path"),
}


def _statuses(value: object) -> tuple[int, int]:
    found = _STATUSES.fullmatch(scalar(value, "a status"))
    if found is None:
        raise ValueError(f"expected a status such as 200, or a range such as 200-399, got {shown(value)}")
    first, last = int(found[1]), int(found[2] or found[1])
    if last < first:
        raise ValueError(f"{last} is less than {first}")
    return first, last


def _target(value: object) -> str:
    found = scalar(value, "a path")
    if not _TARGET(found):
        raise ValueError(f"expected a path with its query, such as /healthz, got {shown(value)}")
    return found


def _host(value: object) -> str:
    found = scalar(value, "a host")
    if found and not _HOST(found):
        raise ValueError(f"expected a host, such as api.example, got {shown(value)}")
    return found


class HealthCheck(OrOff):
    """How each endpoint is asked, beside the requests, whether it is healthy; what is not is left out while others are."""

    type: Annotated[str, words("http", "tcp", "grpc")] = setting(
        "http",
        "http: a GET is answered as expected; tcp: a connection, with the TLS of the service, is opened; grpc: it says SERVING.",
    )
    service: Annotated[str, Parsed(call_service, type="string")] = setting(
        "", "Of grpc: name of the service that must be well. Default: the server as a whole."
    )
    path: Annotated[str, Parsed(_target, type="string")] = setting("/", "Path and query that are asked for.")
    host: Annotated[str, Parsed(_host, type="string")] = setting("", "The Host it is told. Default: the endpoint.")
    headers: dict[FieldName, FieldValue] = setting({}, "More header fields.")
    status: list[Annotated[tuple[int, int], Parsed(_statuses, type=["string", "integer"])]] = setting(
        ["200-399"], "Statuses, and ranges of them, that are good."
    )
    body: Annotated[str, Parsed(text(longest=1024), type="string")] = setting(
        "", "Text that the body must have in it; of its first 64 KiB."
    )
    timeout: PositiveDuration = setting("1s", "What takes longer is bad, connecting and TLS included.")
    interval: PositiveDuration = setting("1s", "From the end of a probe to the next one, less up to a tenth by chance.")
    healthy_after: Annotated[int, count(1, 1000)] = setting(1, "Good probes in a row until it is healthy again.")
    unhealthy_after: Annotated[int, count(1, 1000)] = setting(2, "Bad ones until it is unhealthy.")

    def settings(self) -> HealthSpec:
        """What the supervisor is told of one without problems."""
        fields = {name: getattr(self, name) for name in HealthSpec._fields}
        headers = tuple((name.lower(), value) for name, value in self.headers.items())
        return HealthSpec(**fields | {"headers": headers, "status": tuple(self.status)})


def check_health(document: Document, where: TreePath, health: HealthCheck | None, *, is_inside: bool) -> None:
    """Report what cannot work; ``is_inside``: the service is code in this process."""
    if health is None or is_unsound(health):
        return
    if is_inside:
        document.report(where, "is of endpoints; a service in Python has a method health of its own", at_key=True)
        return
    if not is_unsound(health.interval) and health.interval < _SHORTEST:
        document.report(
            (*where, "interval"), f"is less than {_SHORTEST * 1000:g} ms: probes would be a load of their own"
        )
    others, why = _OTHERS.get(health.type, ((), ""))
    for name in others:
        if document.at((*where, name)) is not None:
            document.report((*where, name), f"has no effect with type: {health.type}, {why}", at_key=True)
    if health.type == "tcp":
        return
    if is_missing(health.status):
        document.report((*where, "status"), "is empty: no answer would be good")
    for name in () if is_unsound(health.headers) else health.headers:
        if name.lower() in FRAMING_FIELDS:
            instead = "; give host beside headers" if name.lower() == "host" else ""
            document.report((*where, "headers", name), f"belongs to the message itself{instead}", at_key=True)

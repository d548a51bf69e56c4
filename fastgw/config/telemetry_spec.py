"""What is sent to a collector: that part of a ``GatewaySpec``.

Tuples with names for the reason that ``spec`` gives.
"""

from typing import NamedTuple

from fastgw.core.settings import TraceSettings, Url


class MetricPushSpec(NamedTuple):
    """What the metrics page says, sent as well."""

    interval: float  #: seconds


class LogPushSpec(NamedTuple):
    """Lines of the operational log, sent as well."""

    level: str  #: "info", "warning" or "error": of the least important


class TelemetrySpec(NamedTuple):
    """What is sent to a collector (``server.exporter``)."""

    url: Url  #: its target is what stands in front of ``/v1/traces``; empty with gRPC
    secret_fields: tuple[tuple[bytes, bytes], ...]  #: of each request; names in lower case
    timeout: float  #: seconds
    queue: int  #: bytes that may wait
    resource: tuple[tuple[str, str], ...]  #: attributes
    traces: TraceSettings | None  #: None: nothing is recorded
    metrics: MetricPushSpec | None  #: None: they are not sent
    logs: LogPushSpec | None = None  #: None: they are not sent
    is_grpc: bool = False  #: it is asked by OTLP/gRPC; else OTLP/HTTP

    def __repr__(self) -> str:
        sent = f"traces={self.traces!r}, metrics={self.metrics!r}, logs={self.logs!r}"
        return f"TelemetrySpec({str(self.url)!r}, {sent})"  # nothing that is secret

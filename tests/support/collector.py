"""A collector that takes OTLP by gRPC: a server of grpcio with the official messages."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

_KINDS: Final[dict[str, tuple[str, Any]]] = {
    "traces": ("trace.v1.TraceService", trace_service_pb2.ExportTraceServiceRequest),
    "metrics": ("metrics.v1.MetricsService", metrics_service_pb2.ExportMetricsServiceRequest),
    "logs": ("logs.v1.LogsService", logs_service_pb2.ExportLogsServiceRequest),
}


class GrpcCollector:
    """Takes what it is sent, or ends calls as the test says."""

    def __init__(self) -> None:
        self.statuses: list[
            tuple[grpc.StatusCode, tuple[tuple[str, bytes], ...]]
        ] = []  #: of the next calls, with trailers
        self.answer = b""  #: Export...ServiceResponse
        self.taken: list[tuple[str, Any]] = []  #: signal and message
        self.metadata: list[dict[str, str | bytes]] = []  #: of all calls
        self.address = ""

    def _take(self, signal: str, request: Any, context: grpc.ServicerContext) -> bytes:
        self.metadata.append(dict(context.invocation_metadata()))
        if self.statuses:
            code, trailers = self.statuses.pop(0)
            context.set_trailing_metadata(trailers)
            context.abort(code, "as the test says")
        self.taken.append((signal, request))
        return self.answer


@contextmanager
def collecting(credentials: grpc.ServerCredentials | None = None) -> Iterator[GrpcCollector]:
    """Run one on a free port of loopback."""
    found = GrpcCollector()
    server = grpc.server(ThreadPoolExecutor(2))
    for signal, (name, kind) in _KINDS.items():

        def take(request: Any, context: grpc.ServicerContext, signal: str = signal) -> bytes:
            return found._take(signal, request, context)

        service = f"opentelemetry.proto.collector.{name}"
        method = grpc.unary_unary_rpc_method_handler(take, kind.FromString, None)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": method}),))
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    found.address = f"127.0.0.1:{port}"
    server.start()
    try:
        yield found
    finally:
        server.stop(None).wait()

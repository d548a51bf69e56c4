"""Who is asked to take telemetry: a collector of OTLP, over HTTP (OTLP/HTTP, binary) or by gRPC (OTLP/gRPC); what its answers mean."""

from __future__ import annotations

from typing import Final, Protocol

from fastgw.config.telemetry_spec import TelemetrySpec
from fastgw.core.calls import Answered, AsMember, Caller, CallError
from fastgw.telemetry import otlp

LARGEST_ANSWER: Final = 64 * 1024  #: bytes
MOST_RETRY_AFTER: Final = 300.0  #: seconds that a collector may ask for
#: Statuses that ask for another try (OTLP/HTTP, "Retryable Response Codes").
_AGAIN: Final = frozenset((429, 502, 503, 504))
#: And codes: CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS; RESOURCE_EXHAUSTED where it says when.
_AGAIN_CODES: Final = frozenset((1, 4, 10, 11, 14, 15))
_EXHAUSTED: Final = 8
_DENIED_CODES: Final = frozenset((7, 16))
_METHODS: Final = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}


class RefusedError(Exception):
    """The collector does not want it, now or ever; ``is_denied``: from whom it comes."""

    def __init__(self, detail: str, *, is_denied: bool) -> None:
        super().__init__(detail)
        self.is_denied = is_denied


class NotNowError(Exception):
    """It may want it later; ``cause`` is a word."""

    def __init__(self, cause: str, detail: str, wait: float = 0.0) -> None:
        super().__init__(detail)
        self.cause = cause
        self.wait = wait  #: seconds that it asks for


class Collector(Protocol):
    """One of either kind."""

    async def send(self, signal: str, message: bytes, *, is_compressed: bool = True) -> bytes:
        """Have it take a message of ``signal``, which may be gzip; its answer, an Export...ServiceResponse.

        Raises:
            RefusedError, NotNowError: it does not.
        """

    def close(self) -> None:
        """Keep no connection any more."""


class _HttpCollector:
    def __init__(self, spec: TelemetrySpec, agent: bytes, member: AsMember) -> None:
        self._url = spec.url
        self._fields = ((b"content-type", b"application/x-protobuf"), (b"user-agent", agent), *spec.secret_fields)
        self._caller = Caller(spec.url, spec.timeout, LARGEST_ANSWER, 2, member)
        self.close = self._caller.close

    async def send(self, signal: str, message: bytes, *, is_compressed: bool = True) -> bytes:
        fields = (*self._fields, (b"content-encoding", b"gzip")) if is_compressed else self._fields
        target = f"{self._url.target}/v1/{signal}"
        try:
            answer = await self._caller.call(b"POST", fields, message, target)
        except CallError as error:
            raise NotNowError(error.cause, str(error)) from None
        if 200 <= answer.status < 300:
            return answer.body
        told = f"{self._url} answered {answer.status} to {signal} ({target})"
        if answer.status in _AGAIN:
            raise NotNowError("status", told, min(_retry_after(answer), MOST_RETRY_AFTER))
        raise RefusedError(told, is_denied=answer.status in (401, 403))


class _GrpcCollector:
    def __init__(self, spec: TelemetrySpec, agent: bytes, member: AsMember) -> None:
        from fastgw.core.grpc_calls import GrpcCaller  # HTTP/2, for whoever says so
        from fastgw.wire.grpc import write_timeout

        self._fields = ((b"user-agent", agent), (b"grpc-timeout", write_timeout(spec.timeout)), *spec.secret_fields)
        self._caller = GrpcCaller(spec.url, spec.timeout, LARGEST_ANSWER, 2, member)
        self.close = self._caller.close

    async def send(self, signal: str, message: bytes, *, is_compressed: bool = True) -> bytes:
        from fastgw.core.grpc_calls import CallStatusError

        fields = (*self._fields, (b"grpc-encoding", b"gzip")) if is_compressed else self._fields
        try:
            answers = await self._caller.ask(_METHODS[signal], (message,), fields, are_compressed=is_compressed)
        except CallStatusError as error:
            details = dict(error.fields).get(b"grpc-status-details-bin", b"")
            wait = otlp.retry_delay(details)
            if error.code in _AGAIN_CODES or (error.code == _EXHAUSTED and wait >= 0):
                raise NotNowError("status", str(error), min(max(wait, 0.0), MOST_RETRY_AFTER)) from None
            raise RefusedError(f"{error} to {signal}", is_denied=error.code in _DENIED_CODES) from None
        except CallError as error:
            raise NotNowError(error.cause, str(error)) from None
        return answers[0] if answers else b""


def collector_of(spec: TelemetrySpec, agent: bytes) -> Collector:
    """Who asks the collector; its file of authorities is read now.

    Raises:
        NotNowError: that cannot be used.
    """
    url, context = spec.url, None
    if url.is_tls:
        import ssl

        try:
            context = ssl.create_default_context(cafile=url.ca or None)
        except OSError as error:
            raise NotNowError("tls", f"the file of telemetry.ca cannot be used: {error}") from None
        context.set_alpn_protocols(["h2" if spec.is_grpc else "http/1.1"])
    member = AsMember(context, url.host)
    return _GrpcCollector(spec, agent, member) if spec.is_grpc else _HttpCollector(spec, agent, member)


def _retry_after(answer: Answered) -> float:
    """Seconds that the answer asks to wait (RFC 9110 section 10.2.3)."""
    from fastgw.core.exchange.retries import asked_to_wait

    fields = b"".join(b"%b: %b\r\n" % field for field in answer.fields)
    return asked_to_wait(b"HTTP/1.1 503 \r\n" + fields + b"\r\n", b"date: " + _now())


def _now() -> bytes:
    from email.utils import formatdate

    return formatdate(usegmt=True).encode()

"""What the file says of telemetry that is sent to a collector (OTLP).

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator

from fastgw.config.credentials import read_secret, secret_text
from fastgw.config.model import Model, OrOff, off_is_none, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.telemetry_spec import LogPushSpec, MetricPushSpec, TelemetrySpec
from fastgw.config.types import FieldName, Parsed, Percentage, PositiveDuration, ReadFile, size, words
from fastgw.config.unsound import is_unsound
from fastgw.config.urls import ca_problem, host_of, is_here
from fastgw.config.values import scalar, shown
from fastgw.core.settings import TraceSettings, Url

HTTP: Final = "http/protobuf"  #: words of OTEL_EXPORTER_OTLP_PROTOCOL
GRPC: Final = "grpc"

_WHAT: Final = "the URL of a collector, such as http://127.0.0.1:4318"
_URL: Final = re.compile(
    r"(https?)://(\[[^\]@/]*\]|[^/?#@:\[\]]*)(?::([0-9]{0,9}))?((?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*)", re.IGNORECASE
)
_KEY: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,255}").fullmatch
_OWN: Final = frozenset({"content-type", "content-encoding", "content-length", "host", "user-agent", "accept-encoding"})
_TEXT: Final = 1024  #: characters of a value of an attribute


def otlp_url(value: object) -> Url:
    """A collector: its target is the path in front of ``/v1/traces``; raises ValueError, which shows no more of it than may be told."""
    found = str(scalar(value, _WHAT))
    match = _URL.fullmatch(found) if len(found) <= 2000 else None
    if match is None:
        told = " without user, password, query and fragment" if set("@?#") & set(found) else ""
        raise ValueError(f"expected {_WHAT}{told}" + ("" if told else f", got {shown(value)}"))
    number = int(match[3]) if match[3] else (443 if match[1].lower() == "https" else 4318)
    if not 0 < number < 65536:
        raise ValueError(f"expected {_WHAT}: a port is a number from 1 to 65535")
    target = match[4].rstrip("/")
    if target.endswith(("/v1/traces", "/v1/metrics", "/v1/logs")):
        raise ValueError(
            f"expected {_WHAT}: what stands behind {target[: target.rindex('/v1/')] or 'the port'} is added"
        )
    return Url(match[1].lower() == "https", host_of(match[2]), number, target)


def _key(value: object) -> str:
    found = str(scalar(value, "the name of an attribute"))
    if not _KEY(found):
        raise ValueError(f"expected the name of an attribute, such as deployment.environment.name, got {shown(value)}")
    return found


def _value(value: object) -> str:
    found = str(scalar(value, "the value of an attribute"))
    if not found or len(found) > _TEXT or not found.isprintable():
        raise ValueError(f"expected text of 1 to {_TEXT} characters, got {shown(value)}")
    return found


def _secret(value: object) -> str:
    found = secret_text(value).strip(" \t")
    if not found.isascii() or not found.isprintable() or not found:
        raise ValueError("is no value of a header field")
    return found


OtlpUrl = Annotated[Url, Parsed(otlp_url, type="string", examples=["http://127.0.0.1:4318", "https://otlp.example"])]
Attribute = Annotated[str, Parsed(_key, is_key=True, type="string")]
AttributeValue = Annotated[str, Parsed(_value, type=["string", "number", "boolean"])]
SecretValue = Annotated[str, Parsed(_secret, type="string")]


class Traces(OrOff):
    """Which requests are recorded as spans."""

    sample: Percentage = setting("1%", "Of the traces that begin here.")
    parents: Annotated[str, words("trusted", "any", "none")] = setting(
        "trusted",
        "Whose traceparent is gone on with, and says whether a request is recorded: peers in trusted_proxies of the listener, "
        "anybody, or nobody.",
    )


class PushedMetrics(OrOff):
    """What the metrics page says, sent as well; ``off`` instead of a mapping: it is only scraped."""

    interval: PositiveDuration = setting("60s", "Between two times.")


class PushedLogs(OrOff):
    """Lines of the operational log, sent as well; ``off`` instead of a mapping: they are only written."""

    level: Annotated[str, words("info", "warning", "error")] = setting(
        "info", "Of the least important line that is sent."
    )


class Telemetry(Model):
    """What is sent to an OpenTelemetry collector, by OTLP over HTTP or by gRPC."""

    otlp: OtlpUrl = setting(..., "Where it listens; /v1/traces and the like are added, but with gRPC.")
    protocol: Annotated[str, words(HTTP, GRPC)] = setting(
        HTTP, "What it takes there: protobuf by HTTP, most often on port 4318, or calls of gRPC, on 4317."
    )
    ca: ReadFile = setting("", "PEM file of the authorities that it is trusted by; empty: the system's.")
    headers: dict[FieldName, SecretValue] = setting(
        {}, "Fields of each request, such as an api key. Nobody is shown them."
    )
    token_file: ReadFile | None = setting(
        None, "A file with a token, sent as authorization: Bearer; read at start and at each reload."
    )
    timeout: PositiveDuration = setting("10s", "The collector must answer within this.")
    queue: Annotated[int, size(64 * 1024, 1 << 30)] = setting(
        "8MiB", "Bytes that wait for a collector which does not take them; what comes then is dropped, and counted."
    )
    resource: dict[Attribute, AttributeValue] = setting(
        {}, "Attributes of everything, beside service.name, service.instance.id, service.version and host.name."
    )
    traces: Annotated[Traces | None, BeforeValidator(off_is_none)] = setting(
        None, "Which requests are recorded as spans. Default: none, and traceparent passes as it came."
    )
    metrics: Annotated[PushedMetrics | None, BeforeValidator(off_is_none)] = setting(
        None, "Send what the metrics page says. Default: it is scraped."
    )
    logs: Annotated[PushedLogs | None, BeforeValidator(off_is_none)] = setting(
        None, "Send the lines of the operational log. Default: they are only written, on stderr."
    )

    def spec(self) -> TelemetrySpec:
        """As it is used."""
        fields = tuple((name.encode(), value.encode()) for name, value in self.headers.items())
        if self.token_file is not None:
            fields += ((b"authorization", b"Bearer " + read_secret(self.token_file).encode()),)
        traces, metrics, logs = self.traces, self.metrics, self.logs
        return TelemetrySpec(
            url=self.otlp._replace(ca=self.ca),
            secret_fields=fields,
            timeout=self.timeout,
            queue=self.queue,
            resource=tuple(self.resource.items()),
            traces=None if traces is None else TraceSettings(traces.sample, traces.parents),
            metrics=None if metrics is None else MetricPushSpec(metrics.interval),
            logs=None if logs is None else LogPushSpec(logs.level),
            is_grpc=self.protocol == GRPC,
        )


def check_telemetry(document: Document, telemetry: Telemetry | None) -> None:
    """Something is sent, and can be."""
    if telemetry is None or is_unsound(telemetry):
        return
    where: TreePath = ("telemetry",)
    if telemetry.traces is None and telemetry.metrics is None and telemetry.logs is None:
        document.report(where, "sends nothing: give it traces, metrics or logs")
    if not is_unsound(telemetry.ca) and (reason := ca_problem(telemetry.ca)):
        document.report((*where, "ca"), reason)
    for name in () if is_unsound(telemetry.headers) else telemetry.headers:
        if name in _OWN:
            document.report((*where, "headers", name), f"{name!r} is what the gateway itself says", at_key=True)
    _token(document, telemetry, where)
    url = telemetry.otlp
    if not is_unsound(url, telemetry.protocol) and telemetry.protocol == GRPC:
        _grpc(document, telemetry, where)
    has_secret = bool(telemetry.headers) or telemetry.token_file is not None
    if not is_unsound(url, telemetry.headers) and has_secret and not url.is_tls and not is_here(url.host):
        document.warn((*where, "otlp"), f"what headers say goes to another host ({url.host}) without TLS: say https://")


def _grpc(document: Document, telemetry: Telemetry, where: TreePath) -> None:
    if telemetry.otlp.target:
        document.report((*where, "otlp"), f"has a path, {telemetry.otlp.target}: calls of gRPC have theirs")
    if telemetry.otlp.port == 4318:
        document.warn(
            (*where, "otlp"), "4318 is where collectors take HTTP; calls of gRPC they take on 4317 most often"
        )
    for name in () if is_unsound(telemetry.headers) else telemetry.headers:
        if name == "te" or name.startswith("grpc-"):
            document.report((*where, "headers", name), f"{name!r} is what the gateway itself says", at_key=True)


def _token(document: Document, telemetry: Telemetry, where: TreePath) -> None:
    if telemetry.token_file is None or is_unsound(telemetry.token_file, telemetry.headers):
        return
    if "authorization" in telemetry.headers:
        document.report((*where, "token_file"), "headers has authorization already")
    try:
        found = read_secret(telemetry.token_file)
        if not found.isascii():
            raise ValueError(f"{telemetry.token_file} is not one line of ASCII")
    except ValueError as error:
        document.report((*where, "token_file"), str(error))

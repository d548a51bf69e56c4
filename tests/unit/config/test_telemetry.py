"""What the file says of telemetry, and what of that cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.changes import changes
from fastgw.config.load import inspect
from fastgw.config.telemetry_spec import LogPushSpec, MetricPushSpec, TelemetrySpec
from fastgw.core.settings import TraceSettings, Url
from tests.unit.config.files import MINIMAL, problems, read


def saying(text: str) -> str:
    return f"telemetry: {text}\n{MINIMAL}"


def test_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hush\n")
    text = (
        "{otlp: https://otlp.example/x/, headers: {X-Key: '${KEY}'}, token_file: token, timeout: 3s, queue: 1MiB, "
        "resource: {deployment.environment.name: prod, team: 7}, traces: {sample: 10%, parents: any}, metrics: {interval: 30s}, "
        "logs: {level: warning}}"
    )
    spec = read(tmp_path, saying(text), {"KEY": "k1"}).telemetry
    assert spec == TelemetrySpec(
        Url(True, "otlp.example", 443, "/x"),
        ((b"x-key", b"k1"), (b"authorization", b"Bearer hush")),
        3.0,
        1 << 20,
        (("deployment.environment.name", "prod"), ("team", "7")),
        TraceSettings(0.1, "any"),
        MetricPushSpec(30.0),
        LogPushSpec("warning"),
    )
    assert "hush" not in repr(spec) and "k1" not in repr(spec)


def test_what_is_not_said(tmp_path: Path) -> None:
    spec = read(tmp_path, saying("{otlp: 'http://collector', traces: {}}")).telemetry
    url = Url(False, "collector", 4318, "")
    assert spec == TelemetrySpec(url, (), 10.0, 8 << 20, (), TraceSettings(0.01, "trusted"), None)


@pytest.mark.parametrize("text", [MINIMAL, saying("false")])
def test_without(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, text).telemetry is None


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("traces: {}", "otlp"),
        ("otlp: 'http://a', traces: off", "telemetry: sends nothing"),
        ("otlp: 'http://a', logs: off", "telemetry: sends nothing: give it traces, metrics or logs"),
        ("otlp: 'http://a', logs: {level: debug}", "telemetry.logs.level: "),
        ("otlp: 'grpc://a:4317', traces: {}", "telemetry.otlp: expected the URL of a collector"),
        ("otlp: 'a:4318', traces: {}", "telemetry.otlp: expected the URL of a collector"),
        ("otlp: 'http://me:hush@a', traces: {}", "telemetry.otlp: expected the URL of a collector"),
        ("otlp: 'http://a:0', traces: {}", "a port is a number from 1 to 65535"),
        ("otlp: 'http://a/v1/traces', traces: {}", "what stands behind the port is added"),
        ("otlp: 'http://a/x/v1/metrics', traces: {}", "what stands behind /x is added"),
        ("otlp: 'http://a', traces: {sample: 0.01}", "telemetry.traces.sample: expected a percentage"),
        ("otlp: 'http://a', traces: {sample: 101%}", "telemetry.traces.sample: expected a percentage"),
        ("otlp: 'http://a', traces: {parents: all}", "telemetry.traces.parents: expected trusted, any or none"),
        ("otlp: 'http://a', traces: {rate: 1%}", "telemetry.traces.rate: "),
        ("otlp: 'http://a', traces: {}, queue: 1KiB", "telemetry.queue: "),
        ("otlp: 'http://a', traces: {}, headers: {Content-Type: x}", "'content-type' is what the gateway itself says"),
        ("otlp: 'http://a', traces: {}, headers: {x-key: ''}", "telemetry.headers.x-key: is empty"),
        ("otlp: 'http://a', traces: {}, headers: {x-key: \"a\\nb\"}", "telemetry.headers.x-key: is no value"),
        ("otlp: 'http://a', traces: {}, resource: {'a b': c}", "expected the name of an attribute"),
        ("otlp: 'http://a', traces: {}, resource: {a: ''}", "expected text of 1 to 1024 characters"),
        ("otlp: 'http://a', traces: {}, token_file: nowhere", "telemetry.token_file: "),
        ("otlp: 'https://a', traces: {}, ca: nowhere", "telemetry.ca: "),
    ],
)
def test_what_is_wrong_is_said(keys: str, expected: str, tmp_path: Path) -> None:
    found = problems(tmp_path, saying(f"{{{keys}}}"))
    assert len(found) == 1 and expected in found[0], found
    assert "hush" not in found[0]


def test_a_token_has_one_place(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hush")
    text = "{otlp: 'http://a', traces: {}, token_file: token, headers: {authorization: Basic x}}"
    [found] = problems(tmp_path, saying(text))
    assert "telemetry.token_file: headers has authorization already" in found


@pytest.mark.parametrize(("url", "is_warned"), [("http://a", True), ("https://a", False), ("http://127.0.0.1", False)])
def test_a_secret_without_tls_is_warned_of(url: str, is_warned: bool, tmp_path: Path) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(saying(f"{{otlp: '{url}', traces: {{}}, headers: {{x-key: hush}}}}"))
    warnings = [str(one) for one in inspect(path, {}).warnings]
    assert any("goes to another host (a) without TLS" in one for one in warnings) == is_warned


def test_what_has_changed_is_told_without_secrets(tmp_path: Path) -> None:
    text = "{otlp: 'http://127.0.0.1', traces: {sample: %s}, headers: {x-key: %s}}"
    old, new = (read(tmp_path, saying(text % one)) for one in (("1%", "hush1"), ("2%", "hush2")))
    told = "\n".join(changes(old, new))
    assert "telemetry.traces.sample: 0.01 -> 0.02" in told and "hush" not in told and "secret_fields" in told


def test_a_collector_that_is_asked_by_grpc(tmp_path: Path) -> None:
    text = "{otlp: 'http://127.0.0.1:4317', protocol: grpc, traces: {}}"
    spec = read(tmp_path, saying(text)).telemetry
    assert spec is not None and spec.is_grpc
    wrong = "{otlp: 'http://127.0.0.1/otlp', protocol: grpc, traces: {}, headers: {te: x, grpc-timeout: 1S}}"
    found = problems(tmp_path, saying(wrong))
    assert [one.split(": ")[-1] for one in found if "telemetry.otlp" in one] == ["calls of gRPC have theirs"]
    assert sum("is what the gateway itself says" in one for one in found) == 2
    (tmp_path / "f.yaml").write_text(saying("{otlp: 'http://127.0.0.1', protocol: grpc, traces: {}}"))
    assert any("4317" in str(one) for one in inspect(tmp_path / "f.yaml", {}).warnings)

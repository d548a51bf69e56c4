"""Where engines say how busy they are, as the file has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.spec import EngineSpec, ModelListsSpec
from tests.unit.config.files import problems, read, with_service

USUAL = EngineSpec("auto", "/metrics", None, 1.0, 0.5, (), True, False, False)


def test_an_engine(tmp_path: Path) -> None:
    (service,) = read(tmp_path, with_service("balance: engine")).services
    assert service.engine == USUAL
    keys = "kind: triton, port: 8002, path: /m?x=1, interval: 2s, metrics: [nv_inference_pending_request_count]"
    (service,) = read(tmp_path, with_service(f"balance: engine, engine: {{{keys}}}")).services
    assert service.engine == EngineSpec(
        "triton", "/m?x=1", 8002, 2.0, 0.5, ("nv_inference_pending_request_count",), True, False, False
    )
    assert read(tmp_path, with_service("balance: random")).services[0].engine is None


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("engine: {kind: vllm}", "services.a.engine: has no effect without balance: engine"),
        (
            "balance: engine, engine: {kind: ollama}",
            "engine.kind: expected auto, vllm, sglang, tgi, triton or llamacpp",
        ),
        (
            "balance: engine, engine: {metrics: [vllm:num_requests_runing]}",
            "engine.metrics[0]: no metric of any engine is named 'vllm:num_requests_runing'; did you mean 'vllm:num_requests_running'?",
        ),
        (
            "balance: engine, engine: {kind: tgi, metrics: [tgi_queue_size, up]}",
            "engine.metrics[1]: no metric of tgi is named 'up'; known are tgi_batch_current_size, tgi_queue_size",
        ),
        ("balance: engine, engine: {interval: 10ms, timeout: 5ms}", "engine.interval: is less than 100 ms"),
        ("balance: engine, engine: {timeout: 2s}", "engine.timeout: is longer than interval (1 s)"),
        ("balance: engine, engine: {path: metrics}", "engine.path: expected a path that begins with '/'"),
        ("balance: engine, engine: {path: '/a b'}", "engine.path: expected a path"),
    ],
)
def test_what_cannot_be_asked(tmp_path: Path, keys: str, expected: str) -> None:
    found = problems(tmp_path, with_service(keys))
    assert any(expected in one for one in found), found


def test_lists_of_models(tmp_path: Path) -> None:
    for keys, expected in (
        ("true", ModelListsSpec("/v1/models", None, 10.0, 2.0)),
        ("{path: /api/tags, port: 81, interval: 1m, timeout: 1s}", ModelListsSpec("/api/tags", 81, 60.0, 1.0)),
    ):
        (service,) = read(tmp_path, with_service(f"model_lists: {keys}")).services
        assert service.model_lists == expected
    (service,) = read(tmp_path, with_service("balance: random")).services
    assert service.model_lists is None
    for keys, told in (
        ("model_lists: {interval: 1s}", "model_lists.timeout: is longer than interval (1 s)"),
        ("model_lists: {interval: 1ms, timeout: 1ms}", "model_lists.interval: is less than 100 ms"),
        ("model_lists: {path: x}", "model_lists.path: expected a path"),
        ("model_lists: true, protocol: h2", "services.a.model_lists: asks over HTTP/1.1"),
        ("model_lists: true, subset: {match: {x: '${header.x}'}}", "model_lists: stands beside subset"),
    ):
        found = problems(tmp_path, with_service(keys))
        assert any(told in one for one in found), found
    text = with_service("model_lists: true").replace("127.0.0.1:19000", "unix:/tmp/x")
    assert any("model_lists asks for a list, and a unix socket has none" in one for one in problems(tmp_path, text))


def test_load_reports_beside_the_page_or_in_its_place(tmp_path: Path) -> None:
    (service,) = read(
        tmp_path, with_service("balance: engine, engine: {reports: true, poll: false}, protocol: h2")
    ).services
    assert service.engine == USUAL._replace(poll=False, reports=True)
    (service,) = read(tmp_path, with_service("balance: engine, engine: {reports: true, pass_reports: true}")).services
    assert service.engine == USUAL._replace(reports=True, pass_reports=True)
    for keys, told in (
        ("poll: false", "engine.poll: is off, and so are reports"),
        ("pass_reports: true", "engine.pass_reports: has no effect without reports"),
    ):
        found = problems(tmp_path, with_service(f"balance: engine, engine: {{{keys}}}"))
        assert any(told in one for one in found), found


def test_a_unix_socket_has_no_metrics(tmp_path: Path) -> None:
    text = with_service("balance: engine").replace("127.0.0.1:19000", "unix:/tmp/x")
    assert any("a unix socket has none" in one for one in problems(tmp_path, text))

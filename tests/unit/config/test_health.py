"""How endpoints are probed, as the file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.spec import HealthSpec
from tests.unit.config.files import problems, read, with_service


def test_defaults_and_what_is_said(tmp_path: Path) -> None:
    (service,) = read(tmp_path, with_service("health: {}")).services
    assert service.health == HealthSpec("http", "/", "", (), ((200, 399),), "", 1.0, 1.0, 1, 2)
    text = (
        "health: {path: '/ok?x=1', host: a.test, headers: {X-A: b}, status: [200, 204-206], body: fine, interval: 2s}"
    )
    (service,) = read(tmp_path, with_service(text)).services
    told = ("http", "/ok?x=1", "a.test", (("x-a", "b"),), ((200, 200), (204, 206)), "fine", 1.0, 2.0, 1, 2)
    assert service.health == HealthSpec(*told)
    for off in ("health: off", "balance: random"):
        (service,) = read(tmp_path, with_service(off)).services
        assert service.health is None


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("path: healthz", "expected a path with its query"),
        ("status: [99]", "expected a status such as 200, or a range"),
        ("status: [300-200]", "200 is less than 300"),
        ("status: []", "services.a.health.status: is empty"),
        ("type: tcp, path: /x", "services.a.health.path: has no effect with type: tcp"),
        ("type: udp", "expected http, tcp or grpc"),
        ("service: a.B", "services.a.health.service: has no effect with type: http"),
        ("type: tcp, service: a.B", "services.a.health.service: has no effect with type: tcp"),
        ("type: grpc, path: /x", "services.a.health.path: has no effect with type: grpc"),
        ("type: grpc, service: /a.B", "did you mean 'a.B'?"),
        ("headers: {Content-Length: 5}", "services.a.health.headers.content-length: belongs to the message itself"),
        ("headers: {host: b}", "belongs to the message itself; give host beside headers"),
        ("interval: 0", "services.a.health.interval"),
        ("interval: 99ms", "services.a.health.interval: is less than 100 ms"),
        ("type: tcp, interval: 1ms", "services.a.health.interval: is less than 100 ms"),
        ("unhealthy_after: 0", "services.a.health.unhealthy_after"),
    ],
)
def test_what_cannot_work(tmp_path: Path, keys: str, expected: str) -> None:
    found = problems(tmp_path, with_service(f"health: {{{keys}}}"))
    assert any(expected in one for one in found), found

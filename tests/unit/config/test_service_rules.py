"""What is wrong with services: each rule with the place and the words of its message."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, with_service

Pair = tuple[str, str]

CASES = [
    (
        MINIMAL.replace("19000", '19000", "127.0.0.1:19000'),
        "6:38: services.a.endpoints[1]: the endpoint 127.0.0.1:19000 is in this service already",
    ),
    (
        with_service("pool: {max_connections: 2, warm: 3}"),
        "6:72: services.a.pool.warm: is more than max_connections (2)",
    ),
    (
        with_service("pool: {max_connections: 2, max_uploads: 3}"),
        "6:79: services.a.pool.max_uploads: is more than max_connections (2)",
    ),
    (
        with_service("protocol: h2, balance: engine"),
        (
            "6:62: services.a.balance: engine asks for metrics over HTTP/1.1, and the service has protocol: h2; give engine"
            " a port of its own"
        ),
    ),
    (
        MINIMAL.replace("endpoints: [", "protocol: h2, python: 'm:C', x: [").replace(', x: ["127.0.0.1:19000"]', ""),
        "6:17: services.a.protocol: is of endpoints; a service in Python is called",
    ),
    (
        with_service("ejection: {base: 10s, max: 5s}"),
        "6:56: services.a.ejection.base: is longer than max (5 s)",
    ),
    (
        with_service("ejection: {failures: 50%}"),
        (
            "6:60: services.a.ejection.failures: needs minimum: the calls that an endpoint must have had before they say"
            " anything, such as 20; without one the first of them would leave it out"
        ),
    ),
    (
        with_service("ejection: {minimum: 20}"),
        (
            "6:59: services.a.ejection.minimum: has no effect without failures, such as 50%, or slow, such as 5: what is to be"
            " counted"
        ),
    ),
    (with_service("tls: {cert: CERT}"), "6:51: services.a.tls.cert: needs key beside it"),
    (with_service("tls: {key: KEY}"), "6:50: services.a.tls.key: needs cert beside it"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_each_rule_has_its_message(tmp_path: Path, pair: Pair, text: str, expected: str) -> None:
    found = problems(tmp_path, text.replace("CERT", pair[0]).replace("KEY", pair[1]))
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_certificates_of_services_are_loaded(tmp_path: Path, pair: Pair) -> None:
    cert, key = pair
    assert problems(tmp_path, with_service("tls: true")) == []
    assert problems(tmp_path, with_service("tls: false")) == []
    assert problems(tmp_path, with_service(f"tls: {{ca: '{cert}', cert: '{cert}', key: '{key}'}}")) == []
    assert problems(tmp_path, with_service("tls: {ca: no.pem}")) == [
        f"6:49: services.a.tls.ca: {tmp_path / 'no.pem'} cannot be read: No such file or directory"
    ]
    assert (
        "services.a.tls.key: no PEM private key"
        in problems(tmp_path, with_service(f"tls: {{cert: '{cert}', key: '{cert}'}}"))[0]
    )

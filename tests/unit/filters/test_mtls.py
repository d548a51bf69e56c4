"""``mtls``: which certificates pass, and what the service and the log are told of them."""

from __future__ import annotations

import json
import ssl
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.labels import DENIERS
from fastgw.filters import mtls
from fastgw.filters.mtls import Mtls, read
from fastgw.testing.edge import EPOCH, GET, Edge, Spy, body_of, statuses

DENIED = counters.ROUTE_DENIED + DENIERS.index("mtls")
DATA = b"certificate of ann"
SAID: dict[str, Any] = {
    "subject": (
        (("organizationName", "Example"),),
        (("organizationalUnitName", "ops"),),
        (("organizationalUnitName", "night"),),
        (("commonName", "ann"),),
    ),
    "subjectAltName": (
        ("DNS", "Ann.Internal.example"),
        ("IP Address", "10.0.0.1"),
        ("URI", "spiffe://example/ns/prod/web"),
    ),
    "notAfter": "Nov  6 08:50:37 1994 GMT",  # a minute behind EPOCH
}


class Tls:
    """What TLS knows of its peer."""

    def __init__(self, data: bytes | None = DATA, said: dict[str, Any] | None = SAID) -> None:
        self._data, self._said = data, said
        self.asked = 0

    def getpeercert(self, is_binary: bool = False) -> Any:
        self.asked += not is_binary
        return self._data if is_binary else self._said


class Stage:
    def __init__(self, *rules: dict[str, tuple[str, ...]], wall: float = EPOCH, **options: Any) -> None:
        said = {"rules": tuple(tuple(one.items()) for one in rules), "identity": "cn", "header": ""}
        self.wall = wall
        self.filter = Mtls("staff", said | options, lambda: self.wall)
        self.told: list[Any] = []
        spy = Spy("spy", [], done=lambda exchange: self.told.append((exchange.notes, exchange.error)))
        self.edge = Edge(filters=[spy, self.filter])

    def ask(self, tls: Tls | None, request: bytes = GET) -> bytes:
        return self.edge.client(request, extra={"ssl_object": tls, "peername": ("192.0.2.1", 5)}).take()

    def status(self, tls: Tls | None) -> list[int]:
        return statuses(self.ask(tls))


@pytest.mark.parametrize(
    ("rules", "is_right"),
    [
        ((), True),
        (({"cn": ("ann",)},), True),
        (({"cn": ("bob", "ann")},), True),
        (({"cn": ("an", "Ann", "ann ")},), False),
        (({"ou": ("ops",)},), True),
        (({"ou": ("night",)},), True),
        (({"ou": ("day",)},), False),
        (({"dns": ("ann.internal.example",)},), True),
        (({"dns": ("*.internal.example",)},), True),
        (({"dns": ("*.example",)},), True),
        (({"dns": ("*.ann.internal.example", "internal.example", "*.ternal.example")},), False),
        (({"uri": ("spiffe://example/ns/prod/web",)},), True),
        (({"uri": ("spiffe://example/ns/*",)},), True),
        (({"uri": ("spiffe://example/ns/prod", "spiffe://example/ns/test/*")},), False),
        (({"cn": ("ann",), "ou": ("day",)},), False),  # all of a rule
        (({"cn": ("bob",)}, {"ou": ("ops",), "uri": ("spiffe://example/*",)}), True),  # and one of them
    ],
)
def test_what_a_certificate_must_say(rules: tuple[dict[str, tuple[str, ...]], ...], is_right: bool) -> None:
    stage = Stage(*rules)
    data = stage.ask(Tls())
    assert statuses(data) == ([] if is_right else [403])
    assert stage.edge.of_route(DENIED) == (0 if is_right else 1)
    if not is_right:
        assert json.loads(body_of(data))["type"] == "urn:fastgw:error:certificate_denied"
        notes, error = stage.told[0]
        assert notes == {"mtls": "ann"}
        assert error.reason == "this client certificate may not come here: no rule has it, says the filter 'staff'"
    stage.edge.end()


def test_a_fingerprint_is_that_of_all_of_it() -> None:
    (found,) = read(DATA, SAID).fingerprint
    assert len(found) == 64
    for value, expected in ((found, []), (found[:-1] + "x", [403])):
        stage = Stage({"fingerprint": (value,)})
        assert stage.status(Tls()) == expected
        stage.edge.end()


@pytest.mark.parametrize("tls", [None, Tls(None), Tls(b"")])
def test_without_a_certificate_nobody_passes(tls: Tls | None) -> None:
    stage = Stage()
    data = stage.ask(tls)
    assert statuses(data) == [403]
    assert json.loads(body_of(data))["type"] == "urn:fastgw:error:no_certificate"
    stage.edge.end()


def test_nor_with_one_that_nobody_has_verified() -> None:
    stage = Stage()
    assert stage.status(Tls(DATA, {})) == [403]
    assert stage.told[0][1].reason.endswith("it has not been verified, says the filter 'staff'")
    stage.edge.end()


def test_a_certificate_ends_also_in_the_middle_of_a_connection() -> None:
    assert ssl.cert_time_to_seconds(SAID["notAfter"]) == EPOCH + 60
    stage = Stage()
    assert stage.status(Tls()) == []
    stage.wall = EPOCH + 60
    assert stage.status(Tls()) == [403]
    stage.edge.end()


def test_a_certificate_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtls, "MOST_KNOWN", 2)
    stage, tls = Stage(), Tls()
    assert [stage.status(tls) for _ in range(3)] == [[]] * 3
    assert tls.asked == 1
    for number in range(3):
        stage.status(Tls(b"%d" % number))
    assert len(stage.filter._known) == 2
    stage.edge.end()


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ("cn", b"ann"),
        ("dns", b"ann.internal.example"),
        ("uri", b"spiffe://example/ns/prod/web"),
        ("subject", b"CN=ann,OU=night,OU=ops,O=Example"),
    ],
)
def test_the_service_is_told_who_it_is_and_not_by_the_client(identity: str, expected: bytes) -> None:
    stage = Stage(identity=identity, header="x-user")
    stage.ask(Tls(), GET[:-2] + b"X-User: eve\r\nX_User: eve\r\n\r\n")
    head = stage.edge.connect().take()
    assert [line for line in head.split(b"\r\n") if b"ser:" in line.lower()] == [b"x-user: " + expected]
    stage.edge.end()


def test_who_has_no_such_name_has_none() -> None:
    stage = Stage(identity="uri", header="x-user")
    said = SAID | {"subjectAltName": ()}
    stage.ask(Tls(DATA, said), GET[:-2] + b"X-User: eve\r\n\r\n")
    assert b"x-user" not in stage.edge.connect().take().lower()
    stage.edge.end()


def test_a_name_that_ends_its_line_is_refused() -> None:
    stage = Stage(header="x-user")
    said = SAID | {"subject": ((("commonName", "ann\r\nx-admin: 1"),),)}
    assert stage.status(Tls(DATA, said)) == [403]
    assert stage.told[0][1].reason.endswith("its cn cannot be told in a header field, says the filter 'staff'")
    stage.edge.end()

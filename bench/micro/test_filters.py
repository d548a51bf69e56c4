"""The filters that many routes have, and one that counts over all workers."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.micro.boards import empty_seat
from bench.micro.stage import Benchmark, Stage, Wire
from fastgw.filters.access_log import access_log
from fastgw.filters.api_key import ApiKeys
from fastgw.filters.basic import Basic
from fastgw.filters.codings import preferred
from fastgw.filters.compress import Compress
from fastgw.filters.cors import Cors
from fastgw.filters.ip_rules import IpRules
from fastgw.filters.jwt import Jwt
from fastgw.filters.key_file import ApiKey, KeyLimit, digest_of, dump_keys
from fastgw.filters.maintenance import Maintenance
from fastgw.filters.mtls import Mtls
from fastgw.filters.rate_limit import RateLimit
from fastgw.filters.redirect import SchemeRedirect
from fastgw.filters.request_id import RequestId
from tests.support.tokens import CLAIMS, OPTIONS, key_of, signed


@contextlib.contextmanager
def board_of(exchange: Any) -> Iterator[None]:
    """Sit at an empty board."""
    with empty_seat() as seat:
        exchange.plane.seat = seat
        yield
    exchange.plane.seat = None


def test_request_id(benchmark: Benchmark, stage: Stage) -> None:
    """A fresh id."""
    stage.send(stage.requests[0])
    exchange, filter_ = stage.client.protocol.exchange, RequestId("request_id", {})

    def make() -> None:
        exchange.request.request_id = b""
        filter_.request(exchange)

    benchmark(make)
    assert len(exchange.request.request_id) == 32


def test_access_log_line(benchmark: Benchmark, stage: Stage, tmp_path: Path) -> None:
    """One line into the batch; writing is another thread's."""
    stage.send(stage.requests[0])
    log = access_log("log", {"path": str(tmp_path / "log")})
    benchmark(log.done, stage.client.protocol.exchange)


@pytest.mark.parametrize("form", ["combined", "template"])
def test_access_log_line_of_text(benchmark: Benchmark, stage: Stage, tmp_path: Path, form: str) -> None:
    """The same by a template: that of ``combined``, and one that has half as much in it."""
    stage.send(stage.requests[0][:-2] + b"Referer: http://a.test/\r\nUser-Agent: curl/8.5.0 (x86_64)\r\n\r\n")
    short = ("time.iso", b" ", "request.method", b" ", "request.path", b" ", "response.status", b" ", "duration.ms")
    log = access_log(
        "log", {"path": str(tmp_path / "log"), "format": form, "template": short if form == "template" else None}
    )
    benchmark(log.done, stage.client.protocol.exchange)


def test_access_log_line_that_is_not_written(benchmark: Benchmark, stage: Stage, tmp_path: Path) -> None:
    """What ``sample`` costs those it does not pick."""
    stage.send(stage.requests[0])
    which = (("slow", 1.0), ("failed", ("5xx",)))
    options = {"path": str(tmp_path / "log"), "sample": 0.01, "always": which}
    log = access_log("log", options, chance=lambda: 0.5)
    benchmark(log.done, stage.client.protocol.exchange)


@pytest.mark.parametrize("networks", [2, 10_000])
def test_ip_rules(benchmark: Benchmark, stage: Stage, networks: int) -> None:
    """One that is let through by the last rule."""
    stage.send(stage.requests[0])
    rules = [("deny", f"10.{number >> 8}.{number & 255}.0/24") for number in range(networks - 1)]
    made = IpRules("rules", {"rules": (*rules, ("allow", "127.0.0.0/8")), "otherwise": "deny"})
    benchmark(made.request, stage.client.protocol.exchange)


def test_compress_of_others(benchmark: Benchmark, stage: Stage) -> None:
    """An answer that is not compressed: what the filter costs those."""
    stage.send(stage.requests[0])
    options = {"codings": ("gzip",), "levels": (("gzip", 1),), "types": ("text/*", "application/json", "*+json")}
    made = Compress("small", {**options, "min_size": 1024, "streams": False})
    benchmark(made.response, stage.client.protocol.exchange)


def test_the_coding_that_a_browser_prefers(benchmark: Benchmark) -> None:
    """The choice by ``Accept-Encoding``."""
    assert benchmark(preferred, b"gzip, deflate, br, zstd", (b"zstd", b"br", b"gzip")) == b"zstd"


def test_cors(benchmark: Benchmark, stage: Stage) -> None:
    """A request of a page, and the head of its answer, of which a name below a domain may read."""
    stage.send(stage.requests[0][:-2] + b"Origin: https://a.app.example\r\n\r\n")
    exchange = stage.client.protocol.exchange
    response = exchange.response
    said = {
        "origins": ("https://app.example", "https://*.app.example"),
        "methods": ("GET",),
        "headers": (),
        "expose": (),
    }
    made = Cors("cors", said | {"credentials": True, "max_age": 600.0, "refuse_others": False})

    def ask() -> None:
        response.fields, response.extra = b"content-type: application/json\r\nx-model: a\r\n", b""
        made.request(exchange)
        made.response(exchange)

    benchmark(ask)
    assert response.header(b"access-control-allow-origin") == b"https://a.app.example"


@pytest.mark.parametrize("limits", [0, 2])
def test_api_key(benchmark: Benchmark, stage: Stage, tmp_path: Path, limits: int) -> None:
    """A key that is known, of a thousand, with limits that admit it."""
    said = tuple(KeyLimit(rate, 1_000_000) for rate in ("1000000/s", "1000000/m"))[:limits]
    keys = [ApiKey(f"k{number}", digest_of(b"key %d" % number), limits=said) for number in range(1000)]
    path = tmp_path / "keys.json"
    path.write_bytes(dump_keys(keys))
    stage.send(stage.requests[0][:-2] + b"X-API-Key: key 7\r\n\r\n")
    exchange = stage.client.protocol.exchange
    request = exchange.request
    fields, extra = request.fields, request.extra
    options = {"file": str(path), "key_from": ("authorization", "header:x-api-key"), "realm": "", "header": "x-user"}
    made = ApiKeys("keys", options | {"forward": False, "when_full": "refuse"})
    made.start(stage.loop)

    def ask() -> None:
        request.fields, request.extra, request.edited = fields, extra, None
        made.request(exchange)

    with board_of(exchange):
        benchmark(ask)
    made.stop()
    assert request.forwarded(b"x-user") == b"k7" and request.forwarded(b"x-api-key") is None


def test_basic_that_is_remembered(benchmark: Benchmark, stage: Stage) -> None:
    """A user whose password was right before."""
    stage.send(stage.requests[0][:-2] + b"Authorization: Basic YW5uOng=\r\n\r\n")
    exchange = stage.client.protocol.exchange
    request = exchange.request
    fields, extra = request.fields, request.extra
    made = Basic("auth", {"file": "", "realm": "", "forward": False, "header": "x-user", "cache": 16})
    made._remember(hashlib.blake2b(b"YW5uOng=", digest_size=32, key=made._secret).digest(), b"ann")

    def ask() -> None:
        request.fields, request.extra, request.edited = fields, extra, None
        made.request(exchange)

    benchmark(ask)
    assert request.forwarded(b"x-user") == b"ann"


def test_mtls(benchmark: Benchmark, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that was seen before, without what it takes to ask TLS for it."""
    stage.send(stage.requests[0])
    exchange = stage.client.protocol.exchange
    made = Mtls("staff", {"rules": ((("cn", ("ann",)),),), "identity": "cn", "header": "x-user"})
    said = {"subject": ((("commonName", "ann"),),), "notAfter": "Nov  6 08:50:37 2994 GMT"}
    tls = SimpleNamespace(getpeercert=lambda is_binary=False: b"x" * 1000 if is_binary else said)
    monkeypatch.setattr(Wire, "get_extra_info", lambda wire, name: tls)
    request = exchange.request
    fields, extra = request.fields, request.extra

    def ask() -> None:
        request.fields, request.extra, request.edited = fields, extra, None
        made.request(exchange)

    benchmark(ask)
    assert request.forwarded(b"x-user") == b"ann"


def test_maintenance_that_is_off(benchmark: Benchmark, stage: Stage) -> None:
    """What a request pays for the switch."""
    stage.send(stage.requests[0])
    said = {"enabled": False, "file": "", "retry_after": 60.0, "message": "closed", "exempt": ()}
    benchmark(Maintenance("closed", said).request, stage.client.protocol.exchange)


def test_redirect(benchmark: Benchmark, stage: Stage) -> None:
    """One that is answered."""
    stage.send(stage.requests[0])
    to = (b"https://", "request.host", "request.target")
    made = SchemeRedirect("redirect", {"scheme": "http", "to": to, "status": 308})
    assert benchmark(made.request, stage.client.protocol.exchange).status == 308


@pytest.mark.parametrize(
    ("per", "limits"), [("route", 1), ("address", 1), ("address", 2), (("address", "header:x-a"), 1)]
)
def test_rate_limit(benchmark: Benchmark, stage: Stage, per: Any, limits: int) -> None:
    """One that is admitted, alone at its cells."""
    stage.send(stage.requests[0])
    exchange = stage.client.protocol.exchange
    what = (("unit", "requests"), ("reserve", None), ("field", ""))
    said: Any = tuple((("rate", (1_000_000, unit)), ("burst", None), ("per", per), *what) for unit in (1, 60)[:limits])
    options = {"limits": said, "fields": ("draft",), "tell": "refused", "when_full": "refuse", "dry_run": False}
    options["cluster"] = None
    made = RateLimit("limit", options)
    with board_of(exchange):
        benchmark(made.request, exchange)


@pytest.mark.parametrize(
    ("cache", "algorithm"), [(4096, "HS256"), (0, "HS256"), (0, "RS256"), (0, "ES256"), (0, "EdDSA")]
)
def test_jwt(benchmark: Benchmark, stage: Stage, cache: int, algorithm: str) -> None:
    """A token that is remembered, or is not: where it is, what it says, and what the service gets of that."""
    claims = CLAIMS | {"exp": time.time() + 3600}
    stage.send(stage.requests[0][:-2] + b"Authorization: Bearer " + signed(claims, algorithm) + b"\r\n\r\n")
    exchange = stage.client.protocol.exchange
    request = exchange.request
    fields, extra = request.fields, request.extra
    filter_ = Jwt("auth", OPTIONS | {"keys": (key_of(algorithm),), "cache": cache, "headers": (("x-user", "sub"),)})

    def ask() -> None:
        request.fields, request.extra, request.edited = fields, extra, None
        filter_.request(exchange)

    benchmark(ask)
    assert exchange.notes["jwt"]["sub"] == "ann"
    assert request.forwarded(b"x-user") == b"ann" and request.forwarded(b"authorization") is None

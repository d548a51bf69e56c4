"""Members of services, tried once; stand-ins answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fastgw.cli.member_tries import member_references
from fastgw.cli.tries import FailedError, Usable
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.upstream import UpstreamServer, canned, response
from tests.unit.cli.test_references import spec_of

CONFIG = """
listeners: [{address: "127.0.0.1:18080"}]
routes: [{path: /*, service: a}]
services: {a: {SERVICE}}
"""

Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[UpstreamServer] = []

    def start(status: str = "200 OK", pair: tuple[str, str] | None = None) -> str:
        context = None
        if pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*pair)
            context.set_alpn_protocols(["http/1.1"])
        started.append(UpstreamServer(canned(response(b"x", status=status)), tls=context))
        return started[-1].address

    yield start
    for one in started:
        one.stop()


def tried(folder: Path, service: str) -> Usable:
    [reference] = member_references(spec_of(CONFIG.replace("SERVICE", service), folder))
    return asyncio.run(reference.attempt())


def failed(folder: Path, service: str) -> tuple[str, str]:
    with pytest.raises(FailedError) as caught:
        tried(folder, service)
    return caught.value.cause, str(caught.value)


def test_a_member_takes_connections_or_is_refused(tmp_path: Path, serve: Serve) -> None:
    found = tried(tmp_path, f'endpoints: ["{serve()}"]')
    assert (found.said, found.warnings, found.expiries, found.facts["addresses"]) == ("takes connections", (), (), 1)
    assert failed(tmp_path, f'endpoints: ["127.0.0.1:{free_port()}"]')[0] == "refused"
    assert failed(tmp_path, f'endpoints: ["unix:{tmp_path}/none.sock"]')[0] == "unreachable"


def test_a_probe_says_more_than_a_connection(tmp_path: Path, serve: Serve) -> None:
    health = 'health: {path: /healthz}, endpoints: ["ADDRESS"]'
    assert tried(tmp_path, health.replace("ADDRESS", serve())).said == "is well"
    cause, detail = failed(tmp_path, health.replace("ADDRESS", serve("503 No")))
    assert cause == "status" and "it answered 503" in detail


def test_a_name_is_looked_up(tmp_path: Path, serve: Serve) -> None:
    port = serve().rpartition(":")[2]
    assert tried(tmp_path, f'endpoints: ["localhost:{port}"]').said == "takes connections at 127.0.0.1"
    assert failed(tmp_path, f'endpoints: ["nobody.invalid:{port}"]')[0] == "unresolved"


def test_what_is_wrong_with_tls_is_told_apart(tmp_path: Path, serve: Serve) -> None:
    authority = Authority(tmp_path / "a")
    good = authority.pair("good", "127.0.0.1", days=9)
    service = 'tls: {ca: CA}, endpoints: ["ADDRESS"]'.replace("CA", authority.ca)
    found = tried(tmp_path, service.replace("ADDRESS", address := serve(pair=good)))
    [expiry] = found.expiries
    assert expiry.what == f"certificate that {address} shows" and expiry.at > 0
    cause, detail = failed(
        tmp_path, service.replace("ADDRESS", serve(pair=authority.pair("old", "127.0.0.1", days=-2)))
    )
    assert cause == "tls" and "expired" in detail
    cause, detail = failed(tmp_path, service.replace("ADDRESS", serve(pair=authority.pair("other", "other.test"))))
    assert cause == "tls" and "127.0.0.1" in detail
    cause, detail = failed(tmp_path, "protocol: h2, " + service.replace("ADDRESS", serve(pair=good)))
    assert cause == "protocol" and "HTTP/2" in detail


def test_what_a_source_lists_is_tried(tmp_path: Path, serve: Serve) -> None:
    here, gone = serve(), f"127.0.0.1:{free_port()}"
    members = tmp_path / "members.yaml"
    service = f"discovery: {{file: {{path: {members}}}}}"
    members.write_text(f'- "{here}"\n- "{gone}"\n')
    found = tried(tmp_path, service)
    assert (found.said, len(found.warnings)) == ("1 of 2 can be used", 1) and gone in found.warnings[0]
    members.write_text(f'- "{gone}"\n')
    assert failed(tmp_path, service)[0] == "refused"
    members.write_text("[]\n")
    assert tried(tmp_path, service).said == "there is nobody to try"
    members.unlink()
    assert "nobody knows whom to try" in failed(tmp_path, service)[1]


def test_code_of_this_process_is_nobody_to_connect_to(tmp_path: Path) -> None:
    text = CONFIG.replace("SERVICE", 'endpoints: ["127.0.0.1:1"]')
    spec = spec_of(text, tmp_path)
    [service] = spec.services
    inside = spec._replace(services=(service._replace(inside=object()),))  # type: ignore[arg-type]
    assert list(member_references(inside)) == []

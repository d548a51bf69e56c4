"""Exceptions of the system become codes, and words for the operator."""

from __future__ import annotations

import errno
import os
import ssl
from pathlib import Path

import pytest

from fastgw.core import causes, counters
from fastgw.core.causes import PLACES, connect_error, excerpt, is_exhaustion, words
from fastgw.core.labels import CAUSES
from fastgw.errors import RETRY_ALWAYS
from tests.support.certificates import Authority


def system(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "status", "code", "fault", "said"),
    [
        (system(errno.ECONNREFUSED), 502, "connect_refused", "upstream", "Connection refused"),
        (system(errno.EHOSTUNREACH), 502, "unreachable", "upstream", "No route to host"),
        (system(errno.ENETUNREACH), 502, "unreachable", "upstream", "Network is unreachable"),
        (system(errno.ETIMEDOUT), 504, "connect_timeout", "upstream", "Connection timed out"),
        (TimeoutError(), 504, "connect_timeout", "upstream", "no answer in time"),
        (system(errno.EACCES), 502, "connect_failed", "upstream", "Permission denied"),
        (system(errno.ENOENT), 502, "connect_failed", "upstream", "No such file or directory"),
        (system(errno.EMFILE), 503, "no_resources", "internal", "ulimit -n"),
        (system(errno.ENFILE), 503, "no_resources", "internal", "fs.file-max"),
        (system(errno.EADDRNOTAVAIL), 503, "no_resources", "internal", "ip_local_port_range"),
        (system(errno.ENOBUFS), 503, "no_resources", "internal", "No buffer space"),
        (MemoryError(), 503, "no_resources", "internal", "MemoryError"),
        (ssl.SSLError(), 502, "tls_failed", "upstream", "the handshake broke off"),
        (
            ssl.SSLError(1, "[SSL] tlsv1 alert no application protocol (_ssl.c:1006)"),
            502,
            "tls_failed",
            "upstream",
            "tlsv1 alert no application protocol",
        ),
        (ConnectionResetError("closed at once"), 502, "connect_failed", "upstream", "closed at once"),
        (ValueError("a bug"), 502, "connect_failed", "upstream", "ValueError: a bug"),
    ],
)
def test_causes_are_told_apart(error: Exception, status: int, code: str, fault: str, said: str) -> None:
    found = connect_error(error)
    assert (found.status, found.code, found.fault, found.retry) == (status, code, fault, RETRY_ALWAYS)
    assert said in found.reason
    assert said not in found.detail  # the client's part names nothing inside
    assert code in CAUSES
    assert is_exhaustion(error) == (fault == "internal")


def test_a_connection_that_breaks_over_tls_broke_in_the_handshake() -> None:
    assert connect_error(system(errno.ECONNRESET), is_tls=True).code == "tls_failed"
    assert connect_error(system(errno.ECONNREFUSED), is_tls=True).code == "connect_refused"
    assert connect_error(system(errno.ECONNRESET)).code == "connect_failed"
    assert "handshake" in connect_error(TimeoutError(), is_tls=True).reason
    assert "handshake" not in connect_error(TimeoutError()).reason


def handshake(client: ssl.SSLContext, server: ssl.SSLContext | None, name: str) -> ssl.SSLError:
    """The error of a handshake in memory; without ``server`` something answers that is no TLS."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True) if server is not None else None
    if theirs is None:
        to_client.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    for _ in range(8):
        for side in (ours, theirs):
            try:
                if side is not None:
                    side.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                if side is ours:
                    return error
    raise AssertionError("the handshake did not fail")


def test_the_words_of_openssl_are_kept(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.pair("other", "other.example")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=authority.ca)
    strange = ssl.create_default_context()
    new = ssl.create_default_context(cafile=authority.ca)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.load_cert_chain(certificate, key)
    new.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2
    assert "certificate verify failed: " in words(handshake(trusting, server, "this.example"))
    assert "this.example" in words(handshake(trusting, server, "this.example"))
    assert "unable to get local issuer" in words(handshake(strange, server, "other.example"))
    assert "protocol version" in words(handshake(new, old, "other.example"))
    assert words(handshake(trusting, None, "other.example")) == "what it sent is not TLS"


def test_every_cause_has_a_place_of_its_own_in_the_slab() -> None:
    (row,) = [row for row in counters.ENDPOINT if row.index == counters.ENDPOINT_CAUSES]
    assert row.values == CAUSES and len(set(CAUSES)) == len(CAUSES)
    assert CAUSES[causes.OTHER] == "other" and PLACES["other"] == causes.OTHER


def test_an_excerpt_is_printable_and_bounded() -> None:
    assert excerpt(b"SSH-2.0-x\r\n\x00\xff") == r"'SSH-2.0-x\r\n\x00\xff'"
    assert excerpt(b"a" * 1000) == f"'{'a' * causes.EXCERPT}'..."
    assert excerpt(b"\x15\x03\x01\x00\x02\x02\x46").endswith("which is TLS")
    assert excerpt(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00").endswith("which is HTTP/2")

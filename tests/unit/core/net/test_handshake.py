"""A handshake between two objects in memory, driven as uvloop drives it: every failure has its cause, and its alert."""

from __future__ import annotations

import contextvars
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastgw.core import labels
from fastgw.core.net.handshake import WATCHER, Failure, Handshake, ListenerContext, classify, reason
from tests.support.certificates import Authority

PROTOCOLS = ("http/1.1", "http/1.0")
AGAIN = (ssl.SSLWantReadError, ssl.SSLSyscallError)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> tuple[str, str]:
    return authority.pair("edge", "edge.test")


class Meeting:
    """A server of ours and a client of OpenSSL."""

    def __init__(
        self, pair: tuple[str, str], client: ssl.SSLContext, change: Callable[[Any], None] | None = None
    ) -> None:
        context = ListenerContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE+AESGCM")
        context.set_alpn_protocols(PROTOCOLS)
        context.load_cert_chain(*pair)
        if change is not None:
            change(context)
        self.failures: list[Failure] = []
        self.to_server, self.to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        WATCHER.set(self.failures.append)
        self.server = context.wrap_bio(self.to_server, self.to_client, server_side=True)
        self.client = client.wrap_bio(self.to_client, self.to_server, server_hostname="edge.test")

    def run(self) -> str:
        """Until both are done: what the client was told, "" if nothing."""
        done = False
        for _ in range(10):
            try:
                if done:
                    self.client.read(1)
                self.client.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                self._serve()
                return reason(error)
            if not self._serve() and done:
                return ""
        return ""

    def _serve(self) -> bool:
        try:
            self.server.do_handshake()
        except ssl.SSLWantReadError:
            return True
        return False


@pytest.fixture(autouse=True)
def own_context() -> Any:
    token = WATCHER.set(lambda failure: None)
    yield
    WATCHER.reset(token)


def requiring(authority: Authority) -> Callable[[Any], None]:
    def change(context: ssl.SSLContext) -> None:
        context.load_verify_locations(authority.ca)
        context.verify_mode = ssl.CERT_REQUIRED

    return change


def test_one_that_succeeds_tells_nothing(authority: Authority, pair: tuple[str, str]) -> None:
    meeting = Meeting(pair, authority.client())
    assert (meeting.run(), meeting.failures) == ("", [])
    assert meeting.client.selected_alpn_protocol() == "http/1.1"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_no_version_in_common(authority: Authority, pair: tuple[str, str]) -> None:
    client = authority.client()
    client.minimum_version, client.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    client.set_ciphers("ALL:@SECLEVEL=0")
    meeting = Meeting(pair, client)
    assert meeting.run() == "tlsv1 alert protocol version"
    assert meeting.failures == [Failure("version", "unsupported protocol", "edge.test")]


def test_no_cipher_in_common(authority: Authority, pair: tuple[str, str]) -> None:
    client = authority.client()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers("ECDHE-ECDSA-AES128-SHA")
    meeting = Meeting(pair, client)
    assert meeting.run() == "sslv3 alert handshake failure"
    assert meeting.failures == [Failure("cipher", "no shared cipher", "edge.test")]


@pytest.mark.parametrize(
    ("version", "alert"),
    [
        (ssl.TLSVersion.TLSv1_2, "sslv3 alert handshake failure"),
        (ssl.TLSVersion.TLSv1_3, "tlsv13 alert certificate required"),
    ],
)
def test_no_certificate(authority: Authority, pair: tuple[str, str], version: ssl.TLSVersion, alert: str) -> None:
    client = authority.client()
    client.maximum_version = version
    meeting = Meeting(pair, client, requiring(authority))
    assert meeting.run() == alert
    assert [failure.cause for failure in meeting.failures] == ["no_certificate"]


def test_certificate_of_somebody_else(authority: Authority, pair: tuple[str, str], tmp_path: Path) -> None:
    client = authority.client(*Authority(tmp_path, "foreign").pair("Eve"))
    meeting = Meeting(pair, client, requiring(authority))
    assert meeting.run() == "tlsv1 alert unknown ca"
    assert [failure.cause for failure in meeting.failures] == ["bad_certificate"]
    assert "issuer" in meeting.failures[0].detail


def test_client_that_refuses_ours(authority: Authority, pair: tuple[str, str], tmp_path: Path) -> None:
    meeting = Meeting(pair, Authority(tmp_path, "foreign").client())
    assert meeting.run() == "certificate verify failed"
    assert meeting.failures == [Failure("client_alert", "unknown ca", "edge.test")]


@pytest.mark.parametrize(
    ("offered", "chosen"), [(("h2", "http/1.1"), "http/1.1"), (("http/1.0",), "http/1.0"), ((), None)]
)
def test_protocols_in_common(
    authority: Authority, pair: tuple[str, str], offered: tuple[str, ...], chosen: str | None
) -> None:
    client = ssl.create_default_context(cafile=authority.ca)
    if offered:
        client.set_alpn_protocols(offered)
    meeting = Meeting(pair, client)
    assert (meeting.run(), meeting.failures) == ("", [])
    assert meeting.client.selected_alpn_protocol() == chosen


def test_no_protocol_in_common(authority: Authority, pair: tuple[str, str]) -> None:
    client = authority.client()
    client.set_alpn_protocols(["h2", "h3"])
    meeting = Meeting(pair, client)
    assert meeting.run() == "tlsv1 alert no application protocol"
    assert meeting.failures == [Failure("alpn", "offered: h2, h3", "edge.test")]


def test_after_a_failure_bytes_are_read_and_nothing_is_answered(authority: Authority, pair: tuple[str, str]) -> None:
    meeting = Meeting(pair, authority.client())
    meeting.to_server.write(b"\x16\x03\x01\x00\x05hello")
    for _ in range(2):
        with pytest.raises(ssl.SSLWantReadError):
            meeting.server.do_handshake()
    assert meeting.to_client.read()[:1] == b"\x15"
    meeting.to_server.write(b"x" * 100_000)
    with pytest.raises(ssl.SSLWantReadError):
        meeting.server.do_handshake()
    assert (meeting.to_server.pending, meeting.to_client.pending) == (0, 0)
    assert [failure.cause for failure in meeting.failures] == ["other"]


def test_hello_in_pieces(authority: Authority, pair: tuple[str, str]) -> None:
    client = authority.client()
    client.set_alpn_protocols(["h2"])
    meeting = Meeting(pair, client)
    with pytest.raises(ssl.SSLWantReadError):
        meeting.client.do_handshake()
    for byte in meeting.to_server.read():
        assert not meeting.failures
        meeting.to_server.write(bytes([byte]))
        with pytest.raises(ssl.SSLWantReadError):
            meeting.server.do_handshake()
    assert [failure.cause for failure in meeting.failures] == ["alpn"]


def test_nobody_need_watch(authority: Authority, pair: tuple[str, str]) -> None:
    meeting = contextvars.Context().run(lambda: Meeting(pair, authority.client()))
    assert isinstance(meeting.server, Handshake)
    meeting.server._watcher = None
    meeting.to_server.write(b"\x16\x03\x01\x00\x05hello")
    with pytest.raises(ssl.SSLWantReadError):
        meeting.server.do_handshake()


@pytest.mark.parametrize(
    ("known", "message", "expected"),
    [
        ("WRONG_VERSION_NUMBER", "", ("not_tls", "wrong version number")),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "", ("client_alert", "certificate expired")),
        (None, "[SSL] tlsv1 alert no application protocol (_ssl.c:1006)", ("client_alert", "no application protocol")),
        (None, "[SSL] no suitable key share (_ssl.c:1006)", ("cipher", "no suitable key share")),
        ("SOMETHING_NEW", "", ("other", "something new")),
        (None, "something else", ("other", "something else")),
    ],
)
def test_causes(known: str | None, message: str, expected: tuple[str, str]) -> None:
    error = ssl.SSLError(1, message)
    error.reason = known  # type: ignore[assignment]
    assert classify(error) == expected
    assert expected[0] in (*labels.TLS_CAUSES, labels.OTHER_CAUSE)


def named(**names: str) -> dict[str, ListenerContext]:
    """Contexts by their own names, each with one name of a certificate, or more with blanks between."""
    contexts = {one: ListenerContext(ssl.PROTOCOL_TLS_SERVER) for one in names}
    by_name = {name: contexts[one] for one, some in names.items() for name in some.split()}
    for context in contexts.values():
        context.by_name = by_name
    return contexts


@pytest.mark.parametrize(
    ("host", "asked", "is_foreign"),
    [
        ("a.test", "a.test", False),
        ("b.test", "a.test", False),  # the same certificate: a client may use its connection for both
        ("x.wild.test", "a.test", False),
        ("x.y.wild.test", "a.test", True),
        ("b.test.", "a.test", False),
        ("c.test", "a.test", True),
        ("nowhere.test", "a.test", True),
        ("nowhere.test", "nowhere.test", False),  # it was asked for, whatever certificate was shown
        ("127.0.0.1", "a.test", True),
        ("127.0.0.1", "", False),
        ("nowhere.test", "", False),
        ("a.test", "", False),
        ("c.test", "", True),
    ],
)
def test_what_belongs_on_a_connection(host: str, asked: str, is_foreign: bool) -> None:
    context = named(one="a.test b.test *.wild.test", two="c.test")["one"]
    assert context.is_foreign(host, asked) is is_foreign


def test_what_the_client_has_asked_for_is_known_when_the_handshake_is_done(
    authority: Authority, pair: tuple[str, str]
) -> None:
    meeting = Meeting(pair, authority.client())
    assert meeting.server.name == ""  # type: ignore[attr-defined]
    assert meeting.run() == ""
    assert meeting.server.name == "edge.test"  # type: ignore[attr-defined]

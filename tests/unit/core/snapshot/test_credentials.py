"""The gateway's own credentials: who has them."""

from __future__ import annotations

from fastgw.core.credential_settings import CredentialSettings
from fastgw.core.exchange.fallback import mark
from fastgw.core.snapshot.credentials import credentials_of
from fastgw.testing.edge import Edge

SECRET = "sk-proj-0123456789abcdefWXYZ"
KEY = CredentialSettings("authorization", f"Bearer {SECRET}", redact=True)


def test_a_service_without_them_gets_what_clients_send() -> None:
    edge = Edge()
    assert credentials_of(edge.service.settings) is None and edge.service.credentials is None
    edge.end()


def test_copies_of_a_service_have_them() -> None:
    edge = Edge(service={"credentials": KEY})
    for one in (edge.service.without_retries(), edge.service.beside(), edge.service.standing_in(mark, None)):
        assert one.credentials == edge.service.credentials
    edge.end()

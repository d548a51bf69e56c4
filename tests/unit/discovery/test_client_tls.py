"""TLS with a registry: files that can be used, and those that cannot; what it does is tested with who asks."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from fastgw.core.sources import ClientTls
from fastgw.discovery.client_tls import tls_context
from fastgw.discovery.listing import SourceError
from tests.support.certificates import Authority


def test_the_other_side_is_always_verified(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    for tls in (ClientTls(), ClientTls(authority.ca), ClientTls(authority.ca, *authority.pair("client"))):
        context = tls_context(tls)
        assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    missing, bad = tmp_path / "missing", tmp_path / "bad"
    bad.write_text("no PEM")
    cert, _ = Authority(tmp_path / "authority").pair("client")
    for tls in (ClientTls(str(missing)), ClientTls(str(bad)), ClientTls(cert=str(bad)), ClientTls("", cert, str(bad))):
        with pytest.raises(SourceError) as caught:
            tls_context(tls)
        assert caught.value.cause == "tls" and str(tmp_path) in caught.value.detail

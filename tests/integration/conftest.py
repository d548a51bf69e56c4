"""What several integration tests use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.certificates import Authority
from tests.support.etcd import EtcdServer


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the certificates of the tests of TLS."""
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def pair(authority: Authority) -> tuple[str, str]:
    """Certificate and key of a listener, or of a service."""
    return authority.pair("edge", "edge.test", "127.0.0.1")


@pytest.fixture
def etcd() -> Iterator[EtcdServer]:
    """An etcd that serves, and is gone after the test."""
    server = EtcdServer()
    try:
        yield server.start()
    finally:
        server.close()

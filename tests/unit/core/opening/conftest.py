"""An entrance on a real socket, and what its listener may ask for."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fastgw.core.opening.opening import Terms
from tests.support.certificates import Authority
from tests.unit.core.opening.stage import Edge, context


@pytest.fixture
def edge() -> Iterator[Callable[..., Edge]]:
    made: list[Edge] = []

    def make(*arguments: Any, **options: Any) -> Edge:
        made.append(Edge(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.end()
    asyncio.set_event_loop(None)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(authority: Authority) -> Terms:
    return Terms(context(authority))


@pytest.fixture(scope="module")
def demanding(authority: Authority) -> Terms:
    made = context(authority)
    made.load_verify_locations(authority.ca)
    made.verify_mode = ssl.CERT_REQUIRED
    return Terms(made)

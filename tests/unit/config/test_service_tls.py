"""What the file says of TLS towards a service."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.core.settings import UpstreamTls
from tests.unit.config.files import MINIMAL, problems, read


def with_tls(told: str) -> str:
    return MINIMAL.replace('19000"]}', f'19000"], tls: {told}}}')


@pytest.mark.parametrize("told", ["true", "{}"])
def test_true_is_short_for_the_defaults(tmp_path: Path, told: str) -> None:
    [service] = read(tmp_path, with_tls(told)).services
    assert service.tls == UpstreamTls(ca="", server_name="", verify=True, cert="", key="")


@pytest.mark.parametrize("told", ["maybe", "{verify: perhaps}", "{serve: a}"])
def test_what_cannot_be_meant_is_refused(tmp_path: Path, told: str) -> None:
    assert problems(tmp_path, with_tls(told))

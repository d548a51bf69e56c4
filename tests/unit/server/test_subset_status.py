"""What ``/status`` says of metadata and subsets."""

from __future__ import annotations

from pathlib import Path

from fastgw.server.subset_status import metadata_of_endpoint, subset_of_service
from tests.unit.config.files import MINIMAL, read
from tests.unit.config.test_subset import text


def test_each_endpoint_has_its_own_and_each_value_its_endpoints(tmp_path: Path) -> None:
    (spec,) = read(tmp_path, text("{match: {gpu: '${header.x-gpu}'}, otherwise: any}")).services
    assert metadata_of_endpoint(spec, "127.0.0.1:19000") == {"metadata": {"gpu": "a100", "region": "eu"}}
    assert metadata_of_endpoint(spec, "127.0.0.1:19001") == {}
    assert subset_of_service(spec) == {"subset": {"otherwise": "any", "match": {"gpu": {"a100": ["127.0.0.1:19000"]}}}}


def test_without_any_nothing_is_said(tmp_path: Path) -> None:
    (spec,) = read(tmp_path, MINIMAL).services
    for one in (spec, None):
        assert metadata_of_endpoint(one, "127.0.0.1:19000") == subset_of_service(one) == {}

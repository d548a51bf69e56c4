"""What the file says of metadata and subsets, and what of it cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.spec import SubsetSpec
from tests.unit.config.files import MINIMAL, problems, read

ENDPOINT = '{address: "127.0.0.1:19000", metadata: {gpu: a100, region: eu}}'


def text(subset: str, endpoint: str = ENDPOINT, path: str = "/*") -> str:
    return MINIMAL.replace('["127.0.0.1:19000"]}', f'[{endpoint}, "127.0.0.1:19001"], subset: {subset}}}').replace(
        "path: /*", f"path: '{path}'"
    )


def test_what_is_asked_for_and_what_there_is(tmp_path: Path) -> None:
    (service,) = read(tmp_path, text("{match: {gpu: '${header.x-gpu}', region: eu}, otherwise: any}")).services
    assert service.subset == SubsetSpec((("gpu", ("header.x-gpu",)), ("region", (b"eu",))), "any")
    assert [one.metadata for one in service.endpoints] == [(("gpu", "a100"), ("region", "eu")), ()]
    (service,) = read(tmp_path, text("{match: {gpu: '${header.x-gpu}'}}")).services
    assert service.subset is not None and service.subset.otherwise == "none"
    (service,) = read(tmp_path, MINIMAL).services
    assert service.subset is None


@pytest.mark.parametrize(
    ("subset", "expected"),
    [
        ("{match: {gqu: '${header.x-gpu}'}}", "a.subset.match.gqu: no endpoint has 'gqu' among its metadata"),
        ("{match: {gpu: h100}}", "a.subset.match.gpu: no endpoint has gpu: h100; there are a100"),
        ("{match: {}}", "a.subset.match: is empty"),
        ("{}", "a.subset.match: is required"),
        ("{match: {gpu: '${path.gpu}'}}", "no route that leads to this service has {gpu} in its path"),
        ("{match: {gpu: '${note.jwt.gpu}'}}", "no filter in front of this service notes 'jwt'"),
        ("{match: {gpu: '${response.status}'}}", "is not known before there is an answer"),
        ("{match: {gpu: '${header.x-gpu}'}, otherwise: all}", "expected none or any"),
        ("{match: {gpu: [a]}}", "a.subset.match.gpu: expected a value"),
        ("{match: {gpu: a100, region: eu, a: a, b: b, c: c}}", "has 5 entries; 4 are the most"),
    ],
)
def test_what_nobody_can_be_asked_for(tmp_path: Path, subset: str, expected: str) -> None:
    found = problems(tmp_path, text(subset))
    assert any(expected in one for one in found), found


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("{gpu: [a100]}", "metadata.gpu: expected a text"),
        ("{gpu: {a: b}}", "metadata.gpu: expected a text"),
        ("{gpu: ''}", "metadata.gpu: expected a text of 1 to 128 characters"),
        (f"{{gpu: {'x' * 129}}}", "metadata.gpu: expected a text of 1 to 128 characters"),
        ("a100", "metadata: expected a mapping"),
        ("{" + ", ".join(f"k{number}: x" for number in range(17)) + "}", "has 17 entries; 16 are the most"),
    ],
)
def test_what_is_no_metadata(tmp_path: Path, metadata: str, expected: str) -> None:
    endpoint = f'{{address: "127.0.0.1:19000", metadata: {metadata}}}'
    found = problems(tmp_path, text("{match: {gpu: '${header.x-gpu}'}}", endpoint))
    assert any(expected in one for one in found), found


def test_a_parameter_that_a_route_has_is_a_key(tmp_path: Path) -> None:
    assert not problems(tmp_path, text("{match: {gpu: '${path.gpu}'}}", path="/{gpu}/*"))


def test_of_versions_one_that_has_the_key_is_enough(tmp_path: Path) -> None:
    versions = (
        f"versions: {{v1: {{weight: 1, endpoints: [{ENDPOINT}]}}, v2: {{weight: 1, endpoints: ['127.0.0.1:2']}}}}"
    )
    subset = "subset: {match: {gpu: '${header.x-gpu}'}}"
    found = MINIMAL.replace('endpoints: ["127.0.0.1:19000"]', f"{versions}, {subset}")
    assert not problems(tmp_path, found)
    assert [one.subset is not None for one in read(tmp_path, found).services] == [True, True]
    assert problems(tmp_path, found.replace("{gpu: '$", "{gqu: '$"))

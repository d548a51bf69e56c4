"""``cluster`` of a ``rate_limit``: what it takes, and what is told of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config import cluster as module
from tests.support.shared_rate import redis_at
from tests.unit.config.files import MINIMAL, problems, read


@pytest.fixture(autouse=True)
def extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is installed, wherever these run."""
    monkeypatch.setattr(module, "find_spec", lambda name: name)


def with_cluster(cluster: str, limit: str = "rate: 5/s") -> str:
    text = MINIMAL.replace("service: a}", "service: a, filters: [limit]}")
    assert text != MINIMAL
    return text + f"filters:\n  limit:\n    type: rate_limit\n    limits: [{{{limit}}}]\n    cluster: {{{cluster}}}\n"


def test_what_the_filter_gets_and_the_supervisor(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    text = with_cluster(
        f"redis: rediss://a.example, username: me, password_file: {secret}, prefix: edge, when_gone: open, timeout: 1s, "
        "max_age: 1m",
        "rate: 50/s, unit: cost, reserve: 7",
    )
    spec = read(tmp_path, text)
    redis = redis_at("a.example", 6379, "", 0, True, username="me", password="s3cret", timeout=1.0)
    assert spec.redis == (redis,)
    options = dict(spec.filters[0].options)
    assert options["cluster"] == (("redis", redis), ("prefix", "edge"), ("is_alone", True), ("age", 60 * 10**9))
    assert dict(options["limits"][0])["block"] == 7  # type: ignore[index]


def test_what_nobody_says(tmp_path: Path) -> None:
    spec = read(tmp_path, with_cluster("redis: redis://localhost", "rate: 500/s, burst: 90"))
    assert spec.redis == (redis_at("localhost"),)
    options = dict(spec.filters[0].options)
    assert options["cluster"][1:] == (("prefix", "fastgw"), ("is_alone", False), ("age", 30 * 10**9))  # type: ignore[index]
    assert dict(options["limits"][0])["block"] == 9  # type: ignore[index]
    assert read(tmp_path, MINIMAL).redis == ()


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        (
            "redis: redis://10.0.0.1",
            ["redis: leads to another host (10.0.0.1) without TLS: say rediss://, or without_tls: true"],
        ),
        ("redis: redis://10.0.0.1, without_tls: true", []),
        ("redis: redis://localhost, max_age: 9s", ["max_age: expected at least 10s"]),
        ("redis: redis://localhost, password: a, password_file: /b", ["needs one of password and password_file"]),
        ("redis: redis://localhost, username: me", ["needs password or password_file, too"]),
        (
            "redis: redis://localhost, password_file: /nowhere",
            ["password_file: /nowhere cannot be read: No such file or directory"],
        ),
        ("redis: rediss://localhost, ca: /nowhere", ["ca: /nowhere cannot be read: No such file or directory"]),
        ("redis: redis://localhost, when_gone: fall", ["when_gone: expected closed or open, got 'fall'"]),
        ("when_gone: open", ["redis: is required"]),
    ],
)
def test_mistakes(tmp_path: Path, cluster: str, expected: list[str]) -> None:
    found = problems(tmp_path, with_cluster(cluster))
    assert [one.split("filters.limit.cluster")[1].lstrip(".: ") for one in found] == expected


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("rate: 5/s, block: 6", ["block: is more than there ever is at once, which is 5 (burst)"]),
        ("rate: 5/s, block: 5", []),
        (
            "rate: 50/s, unit: cost, reserve: 9, block: 8",
            ["block: is less than what one request takes, which is 9 (reserve)"],
        ),
        ("rate: 5GB/s, unit: bytes", ["burst: of a limit with cluster is at most 2147483647"]),
    ],
)
def test_blocks(tmp_path: Path, limit: str, expected: list[str]) -> None:
    found = problems(tmp_path, with_cluster("redis: redis://localhost", limit))
    assert [one.split("limits[0].")[1] for one in found] == expected


def test_without_cluster_nothing_is_leased(tmp_path: Path) -> None:
    text = MINIMAL + "filters: {limit: {type: rate_limit, limits: [{rate: 5/s, block: 2}]}}"
    [found] = problems(tmp_path, text)
    assert found.endswith("filters.limit.limits[0].block: nothing is leased without cluster")


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    [found] = problems(tmp_path, with_cluster("redis: redis://localhost"))
    assert found.endswith("filters.limit.cluster.redis: needs the package hiredis: pip install 'fastgw[redis]'")

"""How an endpoint is chosen, as the file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.spec import HashSpec, PrefixSpec
from tests.unit.config.files import problems, read, with_service


def test_the_key_of_a_request_and_a_bound(tmp_path: Path) -> None:
    text = with_service(
        "balance: consistent_hash, hash: {key: '${header.x-session}/${client.address}', max_load: 1.25}"
    )
    (service,) = read(tmp_path, text).services
    assert service.balance == "consistent_hash"
    assert service.hash == HashSpec(("header.x-session", b"/", "client.address"), 1.25)
    for off in ("", ", max_load: off", ", max_load: 'off'"):
        text = with_service(f"balance: consistent_hash, hash: {{key: '${{cookie.sid}}'{off}}}")
        (service,) = read(tmp_path, text).services
        assert service.hash == HashSpec(("cookie.sid",), 0.0)


def test_prompts_have_a_bound(tmp_path: Path) -> None:
    for keys, bound in (("", 1.5), (", prefix: {max_load: 3}", 3.0), (", prefix: {max_load: off}", 0.0)):
        (service,) = read(tmp_path, with_service(f"balance: prefix_hash{keys}")).services
        assert service.prefix == PrefixSpec(bound)
    (service,) = read(tmp_path, with_service("balance: random")).services
    assert service.prefix is None


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("balance: consistent_hash", "services.a.balance: consistent_hash needs hash: {key: ...}"),
        (
            "hash: {key: '${client.address}'}",
            "services.a.hash: has no effect without balance: consistent_hash or maglev",
        ),
        (
            "balance: maglev, hash: {key: '${client.address}'}, slow_start: 1s",
            "a.slow_start: has no effect with maglev",
        ),
        ("spill_below: 0.5", "services.a.spill_below: expected a percentage"),
        ("prefix: {max_load: 2}", "services.a.prefix: has no effect without balance: prefix_hash"),
        ("balance: prefix_hash, prefix: {max_load: 1}", "from 1.05 to 100"),
        ("balance: prefix_hash, slow_start: 1s", "a.slow_start: has no effect with prefix_hash"),
        ("balance: maglev", "services.a.balance: maglev needs hash: {key: ...}"),
        ("balance: consistent_hash, hash: {key: same}", "'same' is the same for every request; name a variable"),
        ("balance: consistent_hash, hash: {key: '${header.}'}", "services.a.hash.key"),
        ("balance: consistent_hash, hash: {key: '${response.status}'}", "is not known before there is an answer"),
        ("balance: consistent_hash, hash: {max_load: 2}", "services.a.hash.key: is required"),
        *(
            (f"balance: consistent_hash, hash: {{key: '${{client.address}}', max_load: {load}}}", "from 1.05 to 100")
            for load in ("1", "1.04", "101", "x", "-2", "[2]")
        ),
        (
            "balance: hash",
            "expected round_robin, least_request, random, peak_ewma, consistent_hash, maglev, prefix_hash or engine",
        ),
    ],
)
def test_what_cannot_choose(tmp_path: Path, keys: str, expected: str) -> None:
    found = problems(tmp_path, with_service(keys))
    assert any(expected in one for one in found), found


def test_zones_and_a_slow_start(tmp_path: Path) -> None:
    text = with_service("spill_below: 50%, slow_start: 20s").replace(
        '"127.0.0.1:19000"', "{address: 127.0.0.1:19000, zone: a}"
    )
    found = read(tmp_path, "zone: ${ZONE}\n" + text, {"ZONE": "a"})
    assert (found.zone, found.services[0].endpoints[0].zone) == ("a", "a")
    assert (found.services[0].spill_below, found.services[0].slow_start) == (0.5, 20.0)
    usual = read(tmp_path, with_service("pool: {}"))
    assert (usual.zone, usual.services[0].spill_below, usual.services[0].slow_start) == ("", 0.7, 0.0)

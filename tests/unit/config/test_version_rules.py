"""Services with versions: what the file says of them, and what cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.schema import Service
from fastgw.config.version_rules import parts
from tests.unit.config.files import problems, read

FILE = """\
listeners: [{address: 127.0.0.1:18080, filters: []}]
routes:
  - {path: /*, service: chat ROUTE}
services:
  other: {endpoints: ["127.0.0.1:19009"]}
  chat:
    versions:
      v1: {endpoints: ["127.0.0.1:19000"], weight: 90}
      v2: {endpoints: ["127.0.0.1:19001"], weight: 10}
"""


def file(service: str = "", route: str = "") -> str:
    """A file whose service and route say that too."""
    return FILE.replace(" ROUTE", route) + service


def test_a_version_is_a_service_with_the_settings_of_its_parent(tmp_path: Path) -> None:
    spec = read(tmp_path, file("    balance: random\n    pool: {warm: 2}\n    shadow: {version: v2}\n"))
    other, v1, v2 = spec.services
    assert (other.name, v1.name, v2.name) == ("other", "chat@v1", "chat@v2")
    assert all((one.balance, one.pool.warm) == ("random", 2) for one in (v1, v2))
    assert spec.routes[0].service == "chat"
    (versions,) = spec.versioned
    assert versions.shares == (900_000, 100_000)
    assert versions.shadow is not None and versions.shadow.settings.share == 1.0


def test_what_has_endpoints_has_a_place() -> None:
    one = Service.model_validate({"endpoints": ["a:1"]})
    two = Service.model_validate({"versions": {"v1": {"endpoints": ["a:1"], "weight": 1}}})
    assert list(parts("a", one)) == [(("services", "a"), one)]
    assert list(parts("b", two)) == [(("services", "b", "versions", "v1"), two.versions["v1"])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            file().replace("90", "0").replace("weight: 10", "weight: 0"),
            "services.chat.versions: no version has a weight above 0",
        ),
        (file().replace(", weight: 10", ""), "services.chat.versions.v2.weight: is required"),
        (
            file().replace('endpoints: ["127.0.0.1:19001"], ', ""),
            "services.chat.versions.v2.endpoints: is required",
        ),
        (
            file().replace('["127.0.0.1:19001"]', "[]"),
            "services.chat.versions.v2.endpoints: is empty; it needs at least one entry",
        ),
        (
            file().replace('["127.0.0.1:19001"]', '["a:1", "a:1"]'),
            "services.chat.versions.v2.endpoints[1]: the endpoint a:1 is in this service already",
        ),
        (
            file("    endpoints: [a:1]\n"),
            "services.chat.endpoints: stands beside versions; each of them has its own",
        ),
        (
            file('    python: "a:B"\n'),
            "services.chat.python: stands beside versions; each of them has its own",
        ),
        (
            file("    shadow: {version: v3}\n"),
            "services.chat.shadow.version: no version named 'v3'",
        ),
        (
            file("    shadow: {version: v2}\n", ", mirror: {service: other}"),
            "routes[0].mirror: a service of this route has a shadow already; a request is copied once",
        ),
        (
            file("    shadow: {version: v2}\n").replace("{path: /*,", "{name: a, path: /*,")
            + "  more: {endpoints: [b:1]}\n".replace("more", "last"),
            None,
        ),
        (
            file().replace('{endpoints: ["127.0.0.1:19009"]}', '{endpoints: ["a:1"], shadow: {version: v2}}'),
            "services.other.shadow: has no effect without versions",
        ),
        (
            file().replace('{endpoints: ["127.0.0.1:19009"]}', '{endpoints: ["a:1"], version_by: {header: x-v}}'),
            "services.other.version_by: has no effect without versions",
        ),
        (
            file("", ", sticky: header:x-user"),
            "routes[0].sticky: has no effect without split, mirror or a service with a shadow",
        ),
        (file("    shadow: {version: v2}\n", ", sticky: header:x-user"), None),
        (
            file("    rollout: {steps: [5, 25, 25, 100]}\n"),
            "services.chat.rollout.steps[2]: 25 % is no more than the step before it, 25 %",
        ),
        (file("    rollout: {steps: [50, 5]}\n"), "steps[1]: 5 % is no more than the step before it, 50 %"),
        (file("    rollout: {steps: []}\n"), "services.chat.rollout.steps: is empty; it needs at least one step"),
        (file("    rollout: {steps: [0, 5]}\n"), "services.chat.rollout.steps[0]: expected"),
        (file("    rollout: {steps: [5, 101]}\n"), "services.chat.rollout.steps[1]: expected"),
        (file("    rollout: {every: 0}\n"), "services.chat.rollout.every: expected"),
        (file("    rollout:\n      max_p99: 1s\n"), None),
        (file("", ", service: chat@v1").replace("service: chat,", ""), "expected a name of letters"),
        (file().replace("      v2:", '      "v 2":'), "expected a name of letters"),
        (
            file("    version_by: {header: x-version, sticky: x-user}\n"),
            "services.chat.version_by.sticky: expected header:<name> or cookie:<name>",
        ),
        (file("    versions: {}\n").replace("    versions:\n", "    x:\n"), "unknown key"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, text: str, expected: str | None) -> None:
    found = problems(tmp_path, text)
    if expected is None:
        assert found == []
    else:
        assert any(expected in one for one in found), found


def test_a_mistake_of_one_version_hides_none_of_another(tmp_path: Path) -> None:
    text = file().replace('["127.0.0.1:19000"]', '["nowhere"]').replace("weight: 10", "weight: -1")
    assert [one.split(": ")[1] for one in problems(tmp_path, text)] == [
        "services.chat.versions.v1.endpoints[0]",
        "services.chat.versions.v2.weight",
    ]

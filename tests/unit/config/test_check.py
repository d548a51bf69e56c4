"""What no single entry shows: each rule with the place and the words of its message."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, with_route

ROUTES = """\
listeners: [{address: 127.0.0.1:18080}]
services:
  llm: {endpoints: ["127.0.0.1:19000"]}
  llm2: {endpoints: ["127.0.0.1:19001"]}
routes:
"""

CASES = [
    # names that refer to nothing
    (ROUTES + "  - {path: /*, service: lmm}", "6:25: routes[0].service: no service named 'lmm'; did you mean 'llm'?"),
    (ROUTES + "  - {path: /*, service: zzzz}", "6:25: routes[0].service: no service named 'zzzz'"),
    (ROUTES + "  - {path: /*, service: '${S:-nix}'}", "6:25: routes[0].service: no service named '${S:-nix}'"),
    (
        ROUTES + "  - path: /*\n    split: [{service: llm22, weight: 1}]",
        "7:23: routes[0].split[0].service: no service named 'llm22'; did you mean 'llm2'?",
    ),
    # routes
    (
        ROUTES + "  - {path: /*}",
        "6:5: routes[0]: answers nothing: give it one of service, split, reply, redirect, files",
    ),
    (
        ROUTES + "  - {path: /*, service: llm, split: [{service: llm2, weight: 1}]}",
        "6:30: routes[0].split: stands beside service; give one of them",
    ),
    (
        ROUTES + "  - {path: /*, split: [{service: llm, weight: 1}, {service: llm, weight: 1}]}",
        "6:61: routes[0].split[1].service: the service 'llm' is in this split already",
    ),
    (
        ROUTES + "  - {path: /*, service: llm, mirror: {service: llm}}",
        "6:48: routes[0].mirror.service: the route leads to 'llm' itself; its mirror must be another service",
    ),
    (
        ROUTES + "  - path: /*\n    split: [{service: llm, weight: 1}]\n    mirror: {service: llm}",
        "8:23: routes[0].mirror.service: the route leads to 'llm' itself; its mirror must be another service",
    ),
    (
        ROUTES
        + "  - {path: /a, service: llm, name: a, mirror: {service: llm2}}\n  - {path: /b, service: llm, name: 'a:mirror'}",
        "7:36: routes[1].name: the name 'a:mirror' is what copies of routes[0] are counted by",
    ),
    (
        ROUTES + "  - path: /*\n    service: llm\n    mirror: {service: llm22}",
        "8:23: routes[0].mirror.service: no service named 'llm22'; did you mean 'llm2'?",
    ),
    (
        ROUTES + "  - {path: /*, service: llm, mirror: {service: llm2, share: 0.1}}",
        "6:61: routes[0].mirror.share: expected a percentage from 0% to 100%, such as 10% or 0.5%, got '0.1'",
    ),
    (
        with_route("sticky: 'cookie:sid'"),
        "4:36: routes[0].sticky: has no effect without split, mirror or a service with a shadow",
    ),
    (
        ROUTES + "  - {path: /a, service: llm, name: x}\n  - {path: /b, service: llm, name: x}",
        "7:36: routes[1].name: the name 'x' belongs to routes[0] on line 6 already",
    ),
    (
        ROUTES + "  - {path: /a, service: llm}\n  - {path: /b, service: llm, name: /a}",
        "7:36: routes[1].name: the name '/a' belongs to routes[0] on line 6 already",
    ),
    (
        ROUTES + "  - {path: /a, service: llm, name: 'listener-1:unmatched'}",
        "6:36: routes[0].name: the name 'listener-1:unmatched' is what listeners[0] counts unmatched requests by",
    ),
    (
        ROUTES + "  - path: /v1/*\n    service: llm\n  - path: /v1/*\n    service: llm2\n    name: second",
        "8:5: routes[1]: route 'second' (/v1/*) repeats route '/v1/*' (/v1/*): one of them can never match (line 6)",
    ),
    (
        ROUTES + "  - {path: /v1, service: llm, headers: {a: 1}}\n  - {path: /v1, service: llm, headers: {b: 1}}",
        "7:5: routes[1]: routes '/v1 a=1' (/v1, a: 1) and '/v1 b=1' (/v1, b: 1) are ambiguous: a request with a: 1, b: 1",
    ),
    # the rest
    (
        MINIMAL + "resolver: {min_interval: 9s, max_interval: 8s}",
        "7:44: resolver.max_interval: is less than min_interval (9 s)",
    ),
    (MINIMAL + "resolver: {min_interval: 99s}", "7:1: resolver.max_interval: is less than min_interval (99 s)"),
    (
        ROUTES + "  - {path: /*, split: [{service: llm, weight: 0}, {service: llm2, weight: 0}]}",
        "6:16: routes[0].split: no part has a weight above 0",
    ),
    # files
    (
        MINIMAL + "filters:\n  log: {type: access_log, path: no/such/log}",
        "8:33: filters.log.path: the directory of the file does not exist",
    ),
    (
        MINIMAL + "filters:\n  log: {type: access_log, path: .}",
        "8:33: filters.log.path: is a directory, expected a file",
    ),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_each_rule_has_its_message(tmp_path: Path, text: str, expected: str) -> None:
    found = problems(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        ROUTES + "  - {path: /*, split: [{service: llm, weight: 1}, {service: llm2, weight: 0}]}",
        MINIMAL + "filters: {request_id: {type: access_log, path: stderr}}",
        ROUTES + "  - {path: /*, service: llm}\n  - {path: /*, service: llm2, methods: [POST]}",
        MINIMAL.replace("routes:", "routes:\n  - {path: '*', methods: [OPTIONS], service: a}"),
    ],
)
def test_what_is_allowed(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == []


def test_unsound_entries_do_not_hide_what_is_wrong_elsewhere(tmp_path: Path) -> None:
    text = """\
worker: 1
listeners:
  - {address: 127.0.0.1:18080, filters: [nope]}
  - {address: x}
routes:
  - {path: /a, service: broken}
  - {path: /b, service: nope}
  - {path: c, service: nope}
services:
  broken: {endpoints: 7}
  twice: {endpoints: ["127.0.0.1:1", "127.0.0.1:1"]}
filters:
  bad: {type: access_log, flush: x}
  log: {type: access_log, path: /no/such/log}
"""
    assert [problem.split(": ")[1] for problem in problems(tmp_path, text)] == [
        "worker",
        "listeners[0].filters[0]",
        "listeners[1].address",
        "routes[1].service",
        "routes[2].path",
        "routes[2].service",
        "services.broken.endpoints",
        "services.twice.endpoints[1]",
        "filters.bad.flush",
        "filters.log.path",
    ]


@pytest.mark.parametrize("section", ["services", "filters"])
def test_nothing_is_said_of_names_when_their_section_is_no_mapping(tmp_path: Path, section: str) -> None:
    text = f"listeners: [{{address: 127.0.0.1:1, filters: [x]}}]\nroutes: [{{path: /, service: a}}]\n{section}: [1]\n"
    other = "services: {a: {endpoints: ['a:1']}}" if section == "filters" else "filters: {x: {type: request_id}}"
    [problem] = problems(tmp_path, text + other)
    assert problem.startswith(f"3:1: {section}: expected a mapping, got a list")


def test_parts_of_a_split_that_are_unsound_are_not_the_same_service(tmp_path: Path) -> None:
    text = ROUTES + "  - {path: /*, split: [{llm: 95}, {llm2: 5}]}"
    assert sorted(problem.split(": ", 1)[1] for problem in problems(tmp_path, text)) == [
        message
        for place, key in enumerate(("llm", "llm2"))
        for message in (
            f"routes[0].split[{place}].{key}: unknown key; known are service, weight",
            f"routes[0].split[{place}].service: is required",
            f"routes[0].split[{place}].weight: is required",
        )
    ]

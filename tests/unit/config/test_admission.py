"""How many requests a service is sent at one time, as the file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.spec import AdmissionSpec
from fastgw.core.settings import AdmissionSettings
from fastgw.policy.queue import DISCIPLINES
from tests.unit.config.files import problems, read, with_service

PLAIN = AdmissionSettings(
    limit=64,
    least=0,
    most=0,
    queue_size=0,
    queue_timeout=0.0,
    discipline="fifo",
    classes=("all",),
    reserved=(0.0,),
    default_rank=0,
    status="503",
    retry_after=1.0,
    shed_lag=0.0,
    is_forecast=False,
)
CLASSES = "classes: [{name: high, reserved: 25%}, normal, low]"


def admission(folder: Path, keys: str) -> AdmissionSpec:
    (service,) = read(folder, with_service(f"admission: {{{keys}}}")).services
    assert service.admission is not None
    return service.admission


@pytest.mark.parametrize("keys", ["host: preserve", "admission: off"])
def test_any_number_is_sent_where_the_file_says_nothing(tmp_path: Path, keys: str) -> None:
    assert read(tmp_path, with_service(keys)).services[0].admission is None


def test_a_number(tmp_path: Path) -> None:
    assert admission(tmp_path, "limit: 64") == AdmissionSpec(PLAIN, (), ())


def test_a_queue(tmp_path: Path) -> None:
    found = admission(
        tmp_path, "limit: 64, queue: {size: 9, timeout: 2s, discipline: fair, key: '${client.address}'}, status: 429"
    )
    settings = PLAIN._replace(queue_size=9, queue_timeout=2.0, discipline="fair", status="429")
    assert found == AdmissionSpec(settings, (), ("client.address",))


@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_every_discipline_has_its_word(tmp_path: Path, discipline: str) -> None:
    key = ", key: '${client.address}'" if discipline == "fair" else ""
    found = admission(tmp_path, f"limit: 64, queue: {{timeout: 2s, discipline: {discipline}{key}}}")
    assert (found.settings.discipline, found.settings.queue_size) == (discipline, 100)


@pytest.mark.parametrize(("default", "rank"), [("", 2), (", default: normal", 1)])
def test_classes(tmp_path: Path, default: str, rank: int) -> None:
    found = admission(tmp_path, f"limit: 64, priority: {{key: '${{header.x-p}}', {CLASSES}{default}}}, shed_lag: 100ms")
    settings = PLAIN._replace(
        classes=("high", "normal", "low"), reserved=(0.25, 0.0, 0.0), default_rank=rank, shed_lag=0.1
    )
    assert found == AdmissionSpec(settings, ("header.x-p",), ())


@pytest.mark.parametrize(
    ("keys", "expected"),
    [("", (20, 4, 1000)), ("max: 10", (10, 4, 10)), ("min: 30", (30, 30, 1000)), ("min: 1, start: 2", (2, 1, 1000))],
)
def test_a_limit_that_is_learned(tmp_path: Path, keys: str, expected: tuple[int, int, int]) -> None:
    settings = admission(tmp_path, f"limit: {{adaptive: {{{keys}}}}}").settings
    assert (settings.limit, settings.least, settings.most) == expected


def test_a_service_inside_may_have_one(tmp_path: Path) -> None:
    text = with_service("admission: {limit: 3}").replace('endpoints: ["127.0.0.1:19000"]', 'python: "a.b:C"')
    (service,) = read(tmp_path, text).services
    assert service.inside is not None and service.admission is not None


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("queue: {timeout: 1s}", "services.a.admission.limit: is required"),
        ("limit: {}", "admission.limit: expected a number of requests, or {adaptive: {...}}"),
        ("limit: 0", "admission.limit"),
        ("limit: {fixed: 3, adaptive: {}}", "admission.limit.fixed: stands beside adaptive"),
        ("limit: {adaptive: {min: 10, max: 5}}", "admission.limit.adaptive.min: is more than max (5)"),
        ("limit: {adaptive: {max: 5, start: 6}}", "adaptive.start: is not between min (4) and max (5)"),
        ("limit: 1, queue: {size: 5}", "admission.queue.timeout: is required"),
        ("limit: 1, queue: {timeout: 1s, discipline: lifo}", "expected fifo, adaptive_lifo or fair, got 'lifo'"),
        ("limit: 1, queue: {timeout: 1s, discipline: fair}", "queue.discipline: fair needs key"),
        ("limit: 1, queue: {timeout: 1s, key: '${client.address}'}", "queue.key: has no effect without"),
        ("limit: 1, priority: {key: same, classes: [a, b]}", "priority.key: 'same' is the same for every request"),
        ("limit: 1, priority: {key: '${note.x}', classes: [a, b]}", "priority.key: ${note.x} is empty for every"),
        (
            "limit: 1, queue: {timeout: 1s, discipline: fair, key: '${note.x}'}",
            "queue.key: ${note.x} is empty for every",
        ),
        ("limit: 1, priority: {key: '${header.p}', classes: [a]}", "classes: expected from 2 to 8 classes, got 1"),
        ("limit: 1, priority: {key: '${header.p}', classes: [a, a]}", "there is a class 'a' already"),
        ("limit: 1, priority: {key: '${header.p}', classes: [a, b], default: c}", "'c' is none of the classes a, b"),
        (
            "limit: 10, priority: {key: '${header.p}', classes: [{name: a, reserved: 80%}, {name: b, reserved: 30%}]}",
            "priority.classes: reserve 110% of the places",
        ),
        (
            "limit: 10, priority: {key: '${header.p}', classes: [{name: a, reserved: 100%}, b]}",
            "reserve all places for others than b, which would never get one",
        ),
        (
            "limit: 10, priority: {key: '${header.p}', classes: [{name: a, reserved: 5%}, b]}",
            "reserved: is less than one of 10 places",
        ),
    ],
)
def test_what_cannot_work(tmp_path: Path, keys: str, expected: str) -> None:
    found = problems(tmp_path, with_service(f"admission: {{{keys}}}"))
    assert len(found) == 1 and expected in found[0], found

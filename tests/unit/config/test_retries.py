"""What the file says of sending a request again, and what of that cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.core.settings import BackoffSettings, BudgetSettings, RetrySettings
from tests.unit.config.files import problems, read, with_service


def test_all_of_it(tmp_path: Path) -> None:
    text = with_service(
        "retry: {attempts: 4, on: [timeout, 503, 5xx, '429'], methods: [POST], max_body: 1MiB, try_timeout: 2s,"
        " backoff: {base: 1s, max: 2s}, max_retry_after: 5s, budget: {share: 5%, floor: 1}}"
    )
    (service,) = read(tmp_path, text).services
    assert service.settings.retry == RetrySettings(
        attempts=4,
        on=("timeout", "503", "5xx", "429"),
        methods=("POST",),
        max_body=1 << 20,
        try_timeout=2.0,
        backoff=BackoffSettings(1.0, 2.0),
        max_retry_after=5.0,
        budget=BudgetSettings(0.05, 1),
        grpc_statuses=(),
    )


@pytest.mark.parametrize("off", ["off", "'off'", "false"])
def test_without_a_budget(tmp_path: Path, off: str) -> None:
    (service,) = read(tmp_path, with_service(f"retry: {{attempts: 3, budget: {off}}}")).services
    assert service.settings.retry.budget is None


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            "attempts: 4, budget: off",
            "6:57: services.a.retry.attempts: without a budget at most 3: a service in trouble",
        ),
        ("budget: {share: 0%, floor: 0}", "services.a.retry.budget: nothing could be sent again"),
        ("backoff: {base: 2s, max: 1s}", "services.a.retry.backoff.base: is longer than max (1 s)"),
        ("backoff: {base: 2s}", "services.a.retry.backoff.base: is longer than max (0.25 s)"),
        ("try_timeout: 1s", "services.a.retry.try_timeout: has no effect without timeout in on"),
        ("on: [connect], methods: [POST]", "services.a.retry.methods: has no effect: on has nothing that a sent"),
        ("on: [reset, 503], attempts: 1", "services.a.retry.on[1]: 503 has no effect with attempts: 1"),
        *(
            (f"on: [{status}]", f"an answer of '{status}' is the same the next time")
            for status in (200, 301, 400, 404, 501, 505, 600)
        ),
        ("on: [4xx]", "4xx: most of these answers are the same the next time; 5xx, or the statuses themselves"),
        ("on: [resets]", "expected connect, reset, timeout, 5xx or a status such as 503, got 'resets'"),
        ("on: [x]", "expected connect, reset, timeout, 5xx or a status such as 503, got 'x'"),
        ("methods: [post]", "services.a.retry.methods[0]"),
        ("budget: {share: 0.2}", "services.a.retry.budget.share: expected a percentage"),
    ],
)
def test_what_cannot_work(tmp_path: Path, keys: str, expected: str) -> None:
    found = problems(tmp_path, with_service(f"retry: {{{keys}}}"))
    assert any(expected in one for one in found), found
    assert len(found) == 1


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("grpc_statuses: [UNAVAILABLE]", "grpc_statuses: has no effect: calls are POST, which is not among methods"),
        ("grpc_statuses: [UNAVAILABLE], methods: [POST], attempts: 1", "grpc_statuses: has no effect with attempts: 1"),
        ("grpc_statuses: [UNAVAILABEL], methods: [POST]", "did you mean 'UNAVAILABLE'"),
        ("grpc_statuses: [NOT_FOUND], methods: [POST]", "grpc_statuses[0]: expected"),
        ("grpc_statuses: [14], methods: [POST]", "grpc_statuses[0]: expected"),
    ],
)
def test_codes_of_grpc_that_have_no_effect(tmp_path: Path, keys: str, problem: str) -> None:
    assert problem in "\n".join(problems(tmp_path, with_service(f"retry: {{{keys}}}")))


def test_codes_of_grpc_are_a_reason_for_methods(tmp_path: Path) -> None:
    (service,) = read(tmp_path, with_service("retry: {on: [], grpc_statuses: [ABORTED], methods: [POST]}")).services
    assert service.settings.retry.grpc_statuses == ("ABORTED",) and service.settings.minds_answers

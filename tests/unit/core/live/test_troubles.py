"""What goes wrong at an endpoint is told once, reminded of, and told to be over."""

from __future__ import annotations

from typing import Any

from fastgw.core.live.troubles import QUIET_SECONDS, REMIND_SECONDS, SETTLE_SECONDS, Troubles
from fastgw.errors import GatewayError, InternalError, UpstreamError

REFUSED = UpstreamError(502, "connect_refused", "refused", reason="a:1: Connection refused")
RESET = UpstreamError(502, "upstream_reset", "closed")


class Told:
    """An endpoint's troubles, and the lines about them."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []
        self.troubles = Troubles("s", "a:1", self._report)

    def _report(self, level: str, event: str, **fields: Any) -> None:
        self.lines.append((level, event, fields))

    def take(self) -> list[tuple[str, str, dict[str, Any]]]:
        lines, self.lines = self.lines, []
        return lines


def test_the_first_failure_is_told_a_moment_later_and_the_next_ones_are_counted() -> None:
    told = Told()
    told.troubles.failed(REFUSED, 7.0 - SETTLE_SECONDS)
    told.troubles.sweep(7.0 - 0.1)
    assert not told.take()
    told.troubles.sweep(7.0)
    for _ in range(99):
        told.troubles.failed(REFUSED, 7.0)
    where = {"service": "s", "endpoint": "a:1", "cause": "connect_refused"}
    assert told.take() == [
        ("warning", "an endpoint fails", {**where, "fault": "upstream", "detail": "a:1: Connection refused"})
    ]
    assert told.troubles.sweep(7.0 + REMIND_SECONDS - 0.1)
    assert not told.take()
    assert told.troubles.sweep(7.0 + REMIND_SECONDS)
    [(level, event, fields)] = told.take()
    assert (level, event) == ("warning", "an endpoint still fails")
    assert fields == {
        **where,
        "fault": "upstream",
        "detail": "a:1: Connection refused",
        "failures": 100,
        "seconds": REMIND_SECONDS + SETTLE_SECONDS,
    }
    assert told.troubles.sweep(7.0 + 10 * REMIND_SECONDS)  # it goes on, but did not strike again
    assert not told.take()


def test_what_no_dying_endpoint_shows_is_told_at_once() -> None:
    told = Told()
    told.troubles.failed(REFUSED, 7.0)
    told.troubles.failed(UpstreamError(502, "tls_failed", "no"), 7.0)
    assert [fields["cause"] for _, _, fields in told.take()] == ["tls_failed"]
    told.troubles.tell(7.0)
    assert [fields["cause"] for _, _, fields in told.take()] == ["connect_refused"]
    told.troubles.tell(8.0)
    assert not told.take()


def test_the_end_is_told_once_with_how_long_it_was_and_how_often_it_struck() -> None:
    told = Told()
    told.troubles.failed(REFUSED, 10.0)
    told.troubles.failed(REFUSED, 12.0)
    told.troubles.sweep(12.0)
    told.take()
    told.troubles.connected(14.0)
    told.troubles.connected(16.0)
    assert told.troubles.sweep(12.0 + QUIET_SECONDS - 0.1)
    assert not told.troubles.sweep(12.0 + QUIET_SECONDS)
    assert told.take() == [
        (
            "info",
            "an endpoint works again",
            {"service": "s", "endpoint": "a:1", "cause": "connect_refused", "failures": 2, "seconds": 4.0},
        )
    ]
    assert not len(told.troubles)


def test_what_comes_and_goes_does_not_fill_the_log() -> None:
    told = Told()
    now = 0.0
    while now < REMIND_SECONDS:
        told.troubles.failed(RESET, now)
        told.troubles.answered(now)
        told.troubles.sweep(now)
        now += QUIET_SECONDS / 2
    assert [event for _, event, _ in told.take()] == ["an endpoint fails"]


def test_each_cause_is_disproved_by_what_disproves_it() -> None:
    told = Told()
    told.troubles.failed(REFUSED, 0.0)
    told.troubles.failed(RESET, 0.0)
    told.troubles.sweep(1.0)
    told.troubles.answered(1.0)  # over a connection that was open before
    told.troubles.sweep(100.0)
    assert [fields["cause"] for _, event, fields in told.take() if event == "an endpoint works again"] == [
        "upstream_reset"
    ]
    told.troubles.connected(101.0)
    assert not told.troubles.sweep(200.0)


def test_a_reminder_has_the_reason_of_the_last_failure() -> None:
    told = Told()
    told.troubles.failed(REFUSED, 0.0)
    last: GatewayError = InternalError(503, "connect_refused", "x", reason="another")
    told.troubles.sweep(1.0)
    told.troubles.failed(last, 1.0)
    told.take()
    told.troubles.sweep(1.0 + REMIND_SECONDS)
    [(_, _, fields)] = told.take()
    assert (fields["fault"], fields["detail"]) == ("internal", "another")

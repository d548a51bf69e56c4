"""What the log is told that no worker tells it."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.server import notices
from fastgw.server.episodes import Episode
from fastgw.server.notices import CERTIFICATE_DAYS, CERTIFICATES_EVERY, DAY, Notices
from fastgw.telemetry.totals import CertificateFacts

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


class Lines:
    def __init__(self) -> None:
        self.found: list[tuple[str, str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Any:
        return lambda event, **fields: self.found.append((level, event, fields))

    def take(self) -> list[tuple[str, str, dict[str, Any]]]:
        found, self.found = self.found, []
        return found


class Lately:
    """Episodes, as a test wants them."""

    def __init__(self) -> None:
        self.found: dict[str, dict[tuple[str, ...], Episode]] = {}

    def of(self, kind: str) -> dict[tuple[str, ...], Episode]:
        return dict(self.found.get(kind, {}))


class Played:
    generation = 1


def test_it_is_told_when_it_begins_and_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "certificate_facts", lambda _: [])
    lately, log = Lately(), Lines()
    found = Notices(Played(), lately, lambda: NOW)  # type: ignore[arg-type]
    found.look(log)  # type: ignore[arg-type]
    assert log.take() == []
    shed, full = Episode(100.0), Episode(100.0)
    shed.count = full.count = 3
    lately.found = {"shed": {("llm", "queue_full"): shed}, "board_full": {(): full}, "accept": {(): Episode(1.0)}}
    found.look(log)  # type: ignore[arg-type]
    assert log.take() == [
        ("warning", "requests are turned away", {"service": "llm", "cause": "queue_full", "count": 3}),
        ("warning", "the board is full, so requests are refused", {"count": 3}),
    ]
    shed.count, shed.last = 9, 110.0
    found.look(log)  # type: ignore[arg-type]
    assert log.take() == []  # it goes on
    again = Episode(300.0)
    again.count = 1
    lately.found["shed"] = {("llm", "queue_full"): again}  # another one, between two looks
    found.look(log)  # type: ignore[arg-type]
    of = {"service": "llm", "cause": "queue_full"}
    assert log.take() == [
        ("info", "requests are not turned away any more", {**of, "count": 9, "seconds": 10.0}),
        ("warning", "requests are turned away", {**of, "count": 1}),
    ]
    lately.found = {}
    found.look(log)  # type: ignore[arg-type]
    assert [event for _, event, _ in log.take()] == [
        "requests are not turned away any more",
        "the board has room again",
    ]


def test_a_certificate_is_told_of_once_a_day_and_after_a_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = NOW + CERTIFICATE_DAYS * DAY + 30
    facts = [CertificateFacts("edge", "a.pem", ends), CertificateFacts("edge", "b.pem", ends + 20 * DAY)]
    monkeypatch.setattr(notices, "certificate_facts", lambda _: facts)
    gateway, log, wall = Played(), Lines(), NOW
    found = Notices(gateway, Lately(), lambda: wall)  # type: ignore[arg-type]
    found.look(log)  # type: ignore[arg-type]
    assert log.take() == []
    wall += CERTIFICATES_EVERY
    found.look(log)  # type: ignore[arg-type]
    of = {"listener": "edge", "certificate": "a.pem", "ends": "2027-01-29T08:00:30.000Z"}
    assert log.take() == [("warning", "a certificate ends soon", {**of, "days": 13})]
    wall += DAY - 1
    found.look(log)  # type: ignore[arg-type]
    assert log.take() == []
    wall += CERTIFICATES_EVERY
    found.look(log)  # type: ignore[arg-type]
    assert log.take() == [("warning", "a certificate ends soon", {**of, "days": 12})]
    facts[0] = CertificateFacts("edge", "c.pem", wall - 1)  # a reload has another one
    found.look(log)  # type: ignore[arg-type]
    assert log.take() == []
    gateway.generation += 1
    found.look(log)  # type: ignore[arg-type]
    [(level, event, fields)] = log.take()
    assert (level, event, fields["certificate"]) == ("error", "a certificate has ended", "c.pem")

"""Certificates that end soon, in the log."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.server import notices
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


class Played:
    generation = 1


def test_a_certificate_is_told_of_once_a_day_and_after_a_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = NOW + CERTIFICATE_DAYS * DAY + 30
    facts = [CertificateFacts("edge", "a.pem", ends), CertificateFacts("edge", "b.pem", ends + 20 * DAY)]
    monkeypatch.setattr(notices, "certificate_facts", lambda _: facts)
    gateway, log, wall = Played(), Lines(), NOW
    found = Notices(gateway, lambda: wall)  # type: ignore[arg-type]
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

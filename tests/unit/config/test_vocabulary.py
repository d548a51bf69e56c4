"""The schema as a tree."""

from __future__ import annotations

import pytest

from fastgw.config.source import Document
from fastgw.config.vocabulary import durations, keys_at, takes_text


@pytest.mark.parametrize(
    ("where", "some"),
    [
        ((), "listeners"),
        (("listeners", 0), "address"),
        (("listeners", 0, "tls"), "certificates"),
        (("listeners", 0, "tls", "certificates", 1), "cert"),
        (("routes", 3, "split", 0), "weight"),
        (("services", "a", "tls"), "server_name"),
        (("services", "a", "endpoints", 0), "weight"),
        (("filters", "a", "access_log"), "flush"),
        (("admin",), "address"),
    ],
)
def test_the_keys_of_every_place_are_known(where: tuple[str | int, ...], some: str) -> None:
    assert some in keys_at(where)


@pytest.mark.parametrize(
    "where", [("services", "a", "balance"), ("nope", 1), ("filters", "a", "nope"), ("routes", 0, "headers")]
)
def test_places_without_keys_have_none(where: tuple[str | int, ...]) -> None:
    assert keys_at(where) == []


def test_where_text_may_stand() -> None:
    assert takes_text(("routes", 0, "methods", 0)) and takes_text(("services", "a", "endpoints", 0))
    assert not takes_text(("routes", 0)) and not takes_text(("routes", 0, "split", 0))


def test_durations_are_found_wherever_they_are() -> None:
    document = Document("x", {})
    document.parse(
        "shutdown: {grace: 1}\nlisteners: [{name: '2', timeouts: {head: 3, x: 4}}]\nroutes: [{timeout: 5, max_body: 6}]\n"
        "services: {a: {pool: {connect_timeout: 7, warm: 8}}}\n"
        "filters: {l: {type: access_log, flush: 9, batch: 10}, m: {type: nope, flush: 1}, n: 1, o: [flush]}\nx: {y: 1}"
    )
    assert dict(durations(document.tree)) == {
        ("shutdown", "grace"): "1",
        ("listeners", 0, "timeouts", "head"): "3",
        ("routes", 0, "timeout"): "5",
        ("services", "a", "pool", "connect_timeout"): "7",
        ("filters", "l", "flush"): "9",
    }

"""``api_key``: who passes, how fast and where to; and that nobody learns a key."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.core.labels import DENIERS
from fastgw.core.live.board import KEYED_TIMES, Board, Table, blank
from fastgw.core.live.holds import Seat, sit_down
from fastgw.core.live.words import BOARD_BYTES
from fastgw.core.models.rights import NOTE_RIGHTS
from fastgw.filters import api_key
from fastgw.filters.api_key import ApiKeys
from fastgw.filters.key_file import ApiKey, FormerKey, digest_of, dump_keys, limit_of
from fastgw.testing.edge import EPOCH, OK, Edge, Spy, body_of, head_of, statuses

DENIED = counters.ROUTE_DENIED + DENIERS.index("api_key")
ANN, BOB, OLD, OFF = "fgw_ann-secret", "bobs own key", "fgw_old", "fgw_off"
SECOND = 10**9


def key(name: str, secret: str, **more: Any) -> ApiKey:
    return ApiKey(name, digest_of(secret.encode()), **more)


KEYS = (
    key("ann", ANN, expires=EPOCH + 60),
    key("bob", BOB, routes=("elsewhere",)),
    key("old", OLD, expires=EPOCH),
    key("off", OFF, is_disabled=True),
)


@pytest.fixture
def seat() -> Iterator[Seat]:
    fd = os.memfd_create("board")
    os.ftruncate(fd, BOARD_BYTES)
    os.pwrite(fd, blank(bytes(16)), 0)
    board = Board(fd)
    yield sit_down(board)
    board.close()
    os.close(fd)


class Stage:
    """The filter with its file, and two clocks."""

    def __init__(self, folder: Path, seat: Seat | None, *keys: ApiKey, **options: Any) -> None:
        self.path = folder / "keys.json"
        self.path.write_bytes(dump_keys(keys or KEYS))
        self.wall, self.clock = EPOCH, SECOND
        said = {"file": str(self.path), "key_from": ("authorization", "header:x-api-key"), "realm": "", "header": ""}
        self.filter = ApiKeys(
            "auth", said | {"forward": False, "when_full": "refuse"} | options, lambda: self.wall, lambda: self.clock
        )
        self.told: list[Any] = []
        spy = Spy("spy", [], done=lambda exchange: self.told.append((exchange.notes, exchange.error)))
        self.edge = Edge(filters=[spy, self.filter], seat=seat)
        self.filter.start(self.edge.loop)

    def ask(self, *fields: str, target: str = "/") -> bytes:
        lines = (f"GET {target} HTTP/1.1", "Host: a.test", *fields, "")
        return self.edge.client("".join(f"{line}\r\n" for line in lines).encode()).take()

    def status(self, *fields: str) -> list[int]:
        return statuses(self.ask(*fields))

    def end(self) -> None:
        self.filter.stop()
        self.edge.end()


@pytest.fixture
def stage(tmp_path: Path, seat: Seat) -> Iterator[Stage]:
    made = Stage(tmp_path, seat)
    yield made
    made.end()


@pytest.mark.parametrize(
    "field", [f"Authorization: Bearer {ANN}", f"authorization: BEARER   {ANN}", f"X-API-Key: {ANN}"]
)
def test_who_has_a_key_passes_and_the_key_stays_here(stage: Stage, field: str) -> None:
    client = stage.edge.client(f"GET / HTTP/1.1\r\nHost: a.test\r\n{field}\r\n\r\n".encode())
    service = stage.edge.connect()
    assert ANN.encode() not in service.take()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert stage.told == [({"api_key": "ann"}, None)]
    assert stage.edge.of_route(DENIED) == 0


@pytest.mark.parametrize(
    ("fields", "status", "code", "note"),
    [
        ((), 401, "no_key", None),
        (("Authorization: Basic eDp5",), 401, "no_key", None),
        (("X-API-Key: fgw_ann",), 401, "invalid_key", None),
        (("X-API-Key:",), 401, "invalid_key", None),
        ((f"X-API-Key: {ANN}x",), 401, "invalid_key", None),
        ((f"X-API-Key: {digest_of(ANN.encode()).hex()}",), 401, "invalid_key", None),  # what is in the file is no key
        (("X-API-Key: " + "x" * 2000,), 401, "invalid_key", None),
        ((f"X-API-Key: {OLD}",), 401, "invalid_key", {"api_key": "old"}),
        ((f"X-API-Key: {OFF}",), 401, "invalid_key", {"api_key": "off"}),
        ((f"X-API-Key: {BOB}",), 403, "key_not_allowed", {"api_key": "bob"}),
        ((f"X-API-Key: {ANN}", f"X-API-Key: {ANN}"), 400, "repeated_key", None),
        ((f"X-API-Key: {ANN}", f"Authorization: Bearer {ANN}"), 400, "repeated_key", None),
    ],
)
def test_who_has_none_is_refused_and_nothing_of_it_is_told(
    stage: Stage, fields: tuple[str, ...], status: int, code: str, note: Any
) -> None:
    data = stage.ask(*fields)
    assert statuses(data) == [status]
    assert json.loads(body_of(data))["type"] == f"urn:fastgw:error:{code}"
    assert (b'\r\nwww-authenticate: bearer realm="auth"\r\n' in head_of(data)) == (status == 401)
    ((notes, error),) = stage.told
    assert notes == note
    said = " ".join((data.decode("latin-1"), error.reason, repr(stage.edge.log)))
    assert not any(part in said for part in (ANN, BOB, OLD, OFF, "fgw_", digest_of(ANN.encode()).hex()[:8], "xxx"))
    assert stage.edge.of_route(DENIED) == 1


def test_a_key_ends_at_its_time(stage: Stage) -> None:
    stage.wall = EPOCH + 59.9
    assert stage.status(f"X-API-Key: {ANN}") == []
    stage.wall = EPOCH + 60
    assert stage.status(f"X-API-Key: {ANN}") == [401]


def test_the_log_tells_what_is_wrong_with_a_key_and_the_client_is_not_told(tmp_path: Path, seat: Seat) -> None:
    former = FormerKey(digest_of(b"fgw_before"), EPOCH)
    stage = Stage(tmp_path, seat, *KEYS[2:], key("ann", ANN, former=former, expires=EPOCH + 60))
    answers = [stage.ask(f"X-API-Key: {one}") for one in (OLD, OFF, "fgw_before", "fgw_nobody")]
    assert len({json.loads(body_of(one))["detail"] for one in answers}) == 1
    assert [error.reason.removesuffix(", says the filter 'auth'") for _, error in stage.told] == [
        "this key has expired",
        "this key is disabled",
        "this key was changed for another one, and the time is over in which both are good",
        "this is no key that is known here",
    ]
    stage.end()


def test_a_key_that_is_changed_for_another_is_good_for_a_while(tmp_path: Path, seat: Seat) -> None:
    former = FormerKey(digest_of(b"fgw_before"), EPOCH + 30)
    limits = (limit_of("2/m"),)
    stage = Stage(tmp_path, seat, key("ann", ANN, former=former, expires=EPOCH + 60, limits=limits))
    assert stage.status("X-API-Key: fgw_before") == stage.status(f"X-API-Key: {ANN}") == []
    assert stage.status("X-API-Key: fgw_before") == [429]  # both are one key
    stage.wall = EPOCH + 30
    assert stage.status("X-API-Key: fgw_before") == [401] and stage.status(f"X-API-Key: {ANN}") == [429]
    stage.end()
    short = former._replace(until=EPOCH + 90)
    stage = Stage(tmp_path, seat, key("ann", ANN, former=short, expires=EPOCH + 60))
    stage.wall = EPOCH + 60
    assert stage.status("X-API-Key: fgw_before") == [401]
    assert stage.told[-1][1].reason.startswith("this key has expired")
    stage.end()


def test_limits_of_models_are_a_note_for_who_holds_to_them(tmp_path: Path, seat: Seat) -> None:
    of_models = (("tokens", "100000/m"), ("max", "20"))
    stage = Stage(tmp_path, seat, key("ann", ANN, of_models=of_models, limits=(limit_of("2/m"),)))  # type: ignore[arg-type]
    for status in ([], [], [429]):
        assert stage.status(f"X-API-Key: {ANN}") == status
    assert stage.told[-1][0]["limits"] == {"key": of_models}
    stage.end()


def test_the_set_of_rules_that_it_is_for_is_a_note(tmp_path: Path, seat: Seat) -> None:
    stage = Stage(tmp_path, seat, key("ann", ANN, guardrails="strict", limits=(limit_of("1/m"),)))
    assert stage.status(f"X-API-Key: {ANN}") == []
    assert stage.status(f"X-API-Key: {ANN}") == [429]
    assert stage.told[-1][0]["guardrails"] == "strict"
    stage.end()


def test_labels_are_a_note(tmp_path: Path, seat: Seat) -> None:
    stage = Stage(tmp_path, seat, key("ann", ANN, labels={"team": "search"}, limits=(limit_of("1/m"),)))
    assert stage.status(f"X-API-Key: {ANN}") == []
    assert stage.status(f"X-API-Key: {ANN}") == [429]
    labels = {"team": "search"}
    assert stage.told[-1][0] == {"api_key": "ann", "labels": labels, "rate_limit": "1/m per api_key"}
    stage.end()


def test_a_key_for_models_is_for_routes_that_lead_to_models(tmp_path: Path, seat: Seat) -> None:
    stage = Stage(tmp_path, seat, key("ann", ANN, models=("small", "gpt-*")))
    data = stage.ask(f"X-API-Key: {ANN}")
    assert statuses(data) == [403] and json.loads(body_of(data))["type"] == "urn:fastgw:error:key_not_allowed"
    rights = stage.told[0][0][NOTE_RIGHTS]
    assert rights.may("gpt-oss") and rights.may("small") and not rights.may("big")
    assert stage.edge.of_route(DENIED) == 1
    stage.edge.route.service, stage.edge.route.versions = None, SimpleNamespace(heeds_rights=True, choose=unreached)
    assert stage.status(f"X-API-Key: {ANN}") == [418]
    stage.end()


def unreached(exchange: Any) -> None:
    exchange.reply(Reply(418))


def test_a_key_is_for_its_routes(tmp_path: Path, seat: Seat) -> None:
    stage = Stage(tmp_path, seat, key("ann", ANN, routes=("x", "all")))
    assert stage.status(f"X-API-Key: {ANN}") == []
    stage.end()


def test_the_file_is_read_again(stage: Stage) -> None:
    stage.path.write_bytes(dump_keys([key("eve", "fgw_eve")]))
    assert stage.status("X-API-Key: fgw_eve") == [401]
    stage.filter._file._lookout.look()
    stage.edge.run()
    assert stage.status("X-API-Key: fgw_eve") == []
    assert stage.status(f"X-API-Key: {ANN}") == [401]


def test_a_key_that_is_remembered_is_revoked_with_the_file(stage: Stage) -> None:
    for _ in range(2):
        assert stage.status(f"X-API-Key: {ANN}") == []
    assert stage.status("X-API-Key: fgw_eve") == [401]
    assert set(stage.filter._seen) == {ANN.encode()}  # and nothing that anybody may send
    stage.path.write_bytes(dump_keys([key("eve", "fgw_eve")]))
    stage.filter._file._lookout.look()
    stage.edge.run()
    assert stage.status(f"X-API-Key: {ANN}") == [401] and not stage.filter._seen


def test_the_service_is_told_who_it_is_and_not_by_the_client(tmp_path: Path, seat: Seat) -> None:
    stage = Stage(tmp_path, seat, header="x-consumer", forward=True, key_from=("query:key",))
    stage.ask("X-Consumer: eve", "X_Consumer: eve", target=f"/a?b=c&key={ANN}")
    head = stage.edge.connect().take()
    assert head.startswith(f"GET /a?b=c&key={ANN} ".encode())
    assert [line for line in head.split(b"\r\n") if b"onsumer" in line] == [b"x-consumer: ann"]
    stage.end()


def test_a_key_in_the_query_is_taken_out(tmp_path: Path, seat: Seat) -> None:
    stage = Stage(tmp_path, seat, key_from=("query:key",))
    stage.ask(target=f"/a?b=c&key={ANN}")
    assert stage.edge.connect().take().startswith(b"GET /a?b=c HTTP/1.1\r\n")
    stage.end()


# --- how fast


def test_a_key_has_its_own_rate(tmp_path: Path, seat: Seat) -> None:
    limits = (limit_of("2/s"), limit_of("3/m"))
    stage = Stage(tmp_path, seat, key("ann", ANN, limits=limits), key("bob", BOB, limits=limits), key("old", OLD))
    ann, bob, old = (f"X-API-Key: {one}" for one in (ANN, BOB, OLD))
    assert [stage.status(ann) for _ in range(2)] == [[], []]
    data = stage.ask(ann)
    assert statuses(data) == [429]
    assert b"retry-after: 1\r\n" in head_of(data)
    assert b'ratelimit-policy: "1";q=2;w=1, "2";q=3;w=60\r\n' in head_of(data)
    assert b'ratelimit: "1";r=0;t=1, "2";r=1;t=40\r\n' in head_of(data)
    assert json.loads(body_of(data))["type"] == "urn:fastgw:error:rate_limited"
    assert stage.told[-1][0] == {"api_key": "ann", "rate_limit": "2/s per api_key"}
    assert stage.edge.of_route(counters.ROUTE_RATE_LIMITED) == 1
    assert stage.status(bob) == stage.status(old) == []
    stage.clock += SECOND
    assert stage.status(ann) == []
    data = stage.ask(ann)
    assert b"retry-after: 19\r\n" in head_of(data)
    assert stage.told[-1][0] == {"api_key": "ann", "rate_limit": "3/m per api_key"}
    stage.end()


def test_a_new_file_goes_on_with_the_buckets(tmp_path: Path, seat: Seat) -> None:
    stage = Stage(tmp_path, seat, key("ann", ANN, limits=(limit_of("1/m"),)))
    assert stage.status(f"X-API-Key: {ANN}") == []
    stage.path.write_bytes(dump_keys([key("ann", "fgw_new", limits=(limit_of("1/m"),))]))
    stage.filter._file._lookout.look()
    stage.edge.run()
    assert stage.status("X-API-Key: fgw_new") == [429]
    stage.end()


@pytest.mark.parametrize(("when_full", "expected"), [("refuse", [503]), ("let_through", [])])
def test_without_room_on_the_board(
    tmp_path: Path, seat: Seat, monkeypatch: pytest.MonkeyPatch, when_full: str, expected: list[int]
) -> None:
    monkeypatch.setattr(api_key, "KEYED_TIMES", Table(KEYED_TIMES.start, 1))
    limits = (limit_of("1/m"),)
    keys = (key("ann", ANN, limits=limits), key("bob", BOB, limits=limits))
    stage = Stage(tmp_path, seat, *keys, when_full=when_full)
    assert stage.status(f"X-API-Key: {BOB}") == []
    assert stage.status(f"X-API-Key: {ANN}") == expected
    assert stage.edge.count(counters.BOARD_FULL) == 1
    stage.end()

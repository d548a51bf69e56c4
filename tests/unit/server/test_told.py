"""What a worker is told of keys and links, and what its filters want."""

from __future__ import annotations

import errno
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core.live.expected import EXPECTED
from fastgw.core.live.news import KeySet, LinkState
from fastgw.core.settings import KeySetSettings, Url
from fastgw.filters.key_sets import KEY_SETS, NOTHING
from fastgw.filters.leases import LEASES
from fastgw.policy.engine_aware import READINGS
from fastgw.policy.having import TABLES
from fastgw.server.messages import Asked, Busy, Expecting, Fetched, Linked, ModelsListed, Tail, Wanted
from fastgw.server.told import KINDS, SourceNews
from fastgw.testing.edge import Edge
from fastgw.testing.mock import MockLoop
from tests.support.shared_rate import REDIS
from tests.unit.filters.test_leases import ASK

NOTHING_OF_THEM: Any = SimpleNamespace(key_sets=(), redis=(), services=())
SET = KeySetSettings(Url(True, "told.test", 443, "/keys"), 300.0, 600.0, 10.0)


def test_what_the_supervisor_tells_is_known_until_nobody_uses_it() -> None:
    told = SourceNews(lambda _: None)
    keys = KeySet((("a", "{}", ("RS256",)),), 10.0)
    for message in (Fetched({SET: keys}), Linked({REDIS: LinkState(False)})):
        assert isinstance(message, KINDS)
        told.learn(message)
    assert (KEY_SETS.of(SET), LEASES.is_there(REDIS)) == (keys, False)
    told.retain(NOTHING_OF_THEM)
    assert (KEY_SETS.of(SET), LEASES.is_there(REDIS)) == (NOTHING, True)


def test_how_busy_engines_are_is_known_while_a_service_asks() -> None:
    told = SourceNews(lambda _: None)
    told.learn(Busy("told", {"a:1": (("vllm", 3.0, 1.0, 0.5), 10.0)}))
    reading = READINGS.of("told")["a:1"]
    assert (reading.queue, reading.room, reading.until) == (6.0, 0.5, 10.0)
    told.retain(NOTHING_OF_THEM)
    assert READINGS.of("told") == {}


def test_which_models_members_have_is_known_while_a_service_asks() -> None:
    told = SourceNews(lambda _: None)
    message = ModelsListed("told", {"a:1": ("m",)})
    assert isinstance(message, KINDS)
    told.learn(message)
    assert TABLES.of("told").places == {"m": {"a:1"}}
    told.retain(NOTHING_OF_THEM)
    assert TABLES.of("told").places == {}


def test_what_services_are_expected_to_have_is_known() -> None:
    told = SourceNews(lambda _: None)
    message = Expecting({"a": 3.5}, 2, frozenset({"a"}))
    assert isinstance(message, KINDS)
    told.learn(message)
    assert EXPECTED.exchanges == {"a": 3.5}
    EXPECTED.__init__()  # type: ignore[misc]


def test_what_filters_want_is_said() -> None:
    said: list[Wanted | Asked] = []
    loop = MockLoop()
    told = SourceNews(said.append)
    spec: Any = SimpleNamespace(key_sets=(SET,), redis=(REDIS,), services=())
    try:
        told.retain(spec)
        KEY_SETS.want(SET, 5.0)
        LEASES.ask(ASK, loop)
        loop.run_ready()
        assert said == [Wanted(SET), Asked((ASK,))]
    finally:
        KEY_SETS.on_wanted = LEASES.on_asked = None
        KEY_SETS.retain(())


def test_what_nobody_needs_is_not_imported() -> None:
    code = """
import sys
from types import SimpleNamespace
from fastgw.server.told import SourceNews
from fastgw.testing.edge import Edge
SourceNews(print).retain(SimpleNamespace(key_sets=(), redis=(), services=()))
assert not {"fastgw.filters.key_sets", "fastgw.filters.leases", "fastgw.policy.engine_aware", "fastgw.policy.having"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_whether_somebody_watches() -> None:
    edge, told = Edge(), SourceNews(lambda message: None)
    told.learn(Tail(True, 1.0))  # there is no data plane yet
    for is_watched in (True, False):
        told.learn(Tail(is_watched, 1.0), edge.plane)
        assert (edge.plane.tail is not None) == is_watched
    edge.end()


def test_a_worker_without_a_free_descriptor_shows_less_and_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    class Exhausted:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "fastgw.server.tailing":
                raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.delitem(sys.modules, "fastgw.server.tailing", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Exhausted(), *sys.meta_path])
    SourceNews(lambda _: None).learn(Tail(True, 1.0), SimpleNamespace())  # type: ignore[arg-type]
    assert "fastgw.server.tailing" not in sys.modules

"""What a fleet has in etcd: what is written is read again, and nothing else is."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.fleet import records
from fastgw.fleet.records import (
    Canary,
    Coordinator,
    FleetKeys,
    FleetNode,
    FleetRollout,
    Generation,
    Latest,
    RecordError,
    bounded_problems,
    digest_of,
    node_name,
    on_one_line,
)

KEYS = FleetKeys("/fastgw/edge")
TEXT = "listeners: {}\n"
SEVENTH = Generation(7, TEXT, digest_of(TEXT), "ann@desk", 1.5e9, "more members", Canary(0.2, 30.0), 3)
ROLLOUT = FleetRollout(7, records.CANARY, 5, 4, ("edge-1", "edge-2"), 1.5e9, "")
NODE = FleetNode("edge-1", "1.0", "127.0.0.1:9001", 5, digest_of(TEXT), 7, ("a", "b"), records.SERVING, "why", 1.5e9, 4)

NUMBERS = st.integers(0, records.NUMBER_MOST)
LINES = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=40)
MOMENTS = st.floats(0, 4e9)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,30}", fullmatch=True)


def test_keys_stand_in_the_order_of_numbers() -> None:
    assert KEYS.generation(7) == "/fastgw/edge/generations/0000000007"
    assert KEYS.generation(9) < KEYS.generation(10) < KEYS.generation(records.NUMBER_MOST)
    assert KEYS.node("edge-1") == "/fastgw/edge/nodes/edge-1"
    assert (KEYS.latest, KEYS.rollout, KEYS.coordinator) == tuple(
        f"/fastgw/edge/{name}" for name in ("latest", "rollout", "rollout/coordinator")
    )
    assert FleetKeys("/fastgw/edge/").root == KEYS.root


@pytest.mark.parametrize("root", ["", "/", "edge", "/a//b", "/a b", "/a\n", "/é", "/a" * 9, "/" + "a" * 129])
def test_a_root_is_a_path(root: str) -> None:
    with pytest.raises(ValueError, match="no key of a fleet"):
        FleetKeys(root)


@pytest.mark.parametrize("name", ["", "a/b", "-a", ".", "a b", "a" * 129, "é", "a\n"])
def test_a_node_has_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a node"):
        KEYS.node(name)
    assert node_name("edge-1.example") == "edge-1.example"


def test_what_is_written_is_read() -> None:
    assert Generation.read(KEYS.generation(7), SEVENTH.write()) == SEVENTH
    new = SEVENTH._replace(canary=None, of=0)
    assert Generation.read(KEYS.generation(7), new.write()) == new
    assert FleetRollout.read(KEYS.rollout, ROLLOUT.write()) == ROLLOUT
    assert FleetNode.read(KEYS.node("edge-1"), NODE.write()) == NODE
    assert Latest.read(KEYS.latest, Latest(7).write()) == Latest(7)
    assert Coordinator.read(KEYS.coordinator, Coordinator("edge-1").write()) == Coordinator("edge-1")


@given(
    st.builds(
        FleetRollout,
        NUMBERS,
        st.sampled_from(records.PHASES),
        NUMBERS,
        NUMBERS,
        st.lists(NAMES, max_size=5).map(tuple),
        MOMENTS,
        LINES,
    )
)
def test_any_rollout_is_read_as_it_was_written(rollout: FleetRollout) -> None:
    assert FleetRollout.read(KEYS.rollout, rollout.write()) == rollout


@given(
    st.builds(
        FleetNode,
        name=NAMES, version=LINES, admin=LINES, uses=NUMBERS, digest=LINES, checked=NUMBERS,
        problems=st.lists(LINES, max_size=20).map(tuple), state=st.sampled_from(records.STATES),
        reason=LINES, since=MOMENTS, workers=NUMBERS,
    )
)  # fmt: skip
def test_any_node_is_read_as_it_was_written(node: FleetNode) -> None:
    assert FleetNode.read(KEYS.node(node.name), node.write()) == node


JSON = st.recursive(st.none() | st.integers() | st.text(), lambda of: st.lists(of) | st.dictionaries(st.text(), of))


@given(st.binary(max_size=200) | JSON.map(lambda found: json.dumps(found).encode()))
def test_whatever_stands_there_is_a_record_or_an_error_that_names_its_key(data: bytes) -> None:
    for kind, key in (
        (Generation, KEYS.generation(7)),
        (FleetRollout, KEYS.rollout),
        (FleetNode, KEYS.node("edge-1")),
        (Latest, KEYS.latest),
        (Coordinator, KEYS.coordinator),
    ):
        with contextlib.suppress(RecordError):  # and nothing else escapes
            kind.read(key, data)
    with pytest.raises(RecordError) as caught:
        FleetRollout.read(KEYS.rollout, b"[]")
    assert (caught.value.key, str(caught.value)) == (KEYS.rollout, "/fastgw/edge/rollout: it is no JSON object")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"number": 8}, "its number is 8"),
        ({"number": 0}, "its number is 0"),
        ({"number": True}, "number is a whole number"),
        ({"number": -1}, "number is a whole number"),
        ({"number": "7"}, "number is a whole number"),
        ({"text": TEXT + " "}, "sha256 differs"),
        ({"text": None}, "text is a text"),
        ({"at": "now"}, "at is a number"),
        ({"at": 1e300}, "at is a number"),
        ({"canary": "half"}, "no JSON object"),
        ({"canary": {"share": "half", "hold": 0}}, "canary: share is a number"),
    ],
)
def test_a_generation_is_whole(changed: dict[str, object], reason: str) -> None:
    data = json.dumps(json.loads(SEVENTH.write()) | changed).encode()
    with pytest.raises(RecordError, match=reason):
        Generation.read(KEYS.generation(7), data)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"name": "edge-2"}, "another node"),
        ({"state": "happy"}, "state is one of waiting"),
        ({"problems": "ok"}, "problems is a list"),
        ({"problems": ["x"] * 21}, "problems is a list"),
        ({"problems": [1]}, "problems is a list"),
        ({"workers": None}, "workers is a whole number"),
    ],
)
def test_a_node_is_whole(changed: dict[str, object], reason: str) -> None:
    data = json.dumps(json.loads(NODE.write()) | changed).encode()
    with pytest.raises(RecordError, match=reason):
        FleetNode.read(KEYS.node("edge-1"), data)


def test_a_phase_is_one_of_them() -> None:
    data = json.dumps(json.loads(ROLLOUT.write()) | {"phase": "begun"}).encode()
    with pytest.raises(RecordError, match="phase is one of checking"):
        FleetRollout.read(KEYS.rollout, data)


def test_fields_of_a_newer_version_are_left_alone() -> None:
    data = json.dumps(json.loads(ROLLOUT.write()) | {"mood": "good"}).encode()
    assert FleetRollout.read(KEYS.rollout, data) == ROLLOUT


def test_what_people_are_shown_can_be_printed() -> None:
    node = FleetNode.read(KEYS.node("edge-1"), NODE._replace(reason="a\x1b[2Jb\nc", problems=("x\r\ny",)).write())
    assert (node.reason, node.problems) == ("a [2Jb c", ("x  y",))
    assert len(on_one_line("x" * 5000)) == records.LINE_MOST


def test_records_are_bounded() -> None:
    with pytest.raises(RecordError, match="more than 65536"):
        FleetNode.read(KEYS.node("edge-1"), b" " * 65537)
    with pytest.raises(ValueError, match="larger than 1 MiB"):
        SEVENTH._replace(text="x" * (records.TEXT_MOST + 1)).write()
    with pytest.raises(ValueError, match="larger than the 1500000"):  # each line feed is two bytes there
        SEVENTH._replace(text="\n" * records.TEXT_MOST).write()


def test_of_too_many_problems_the_first_are_told() -> None:
    assert bounded_problems(("a",) * 20) == ("a",) * 20
    assert bounded_problems(tuple(map(str, range(50)))) == (*map(str, range(19)), "31 more problems are not shown")
    long = bounded_problems(("x" * 1000,) * 9)
    assert long == (*("x" * 1000,) * 4, "5 more problems are not shown")


def test_a_canary_uses_what_is_tried_and_the_others_what_was_promoted() -> None:
    assert [ROLLOUT.wanted_of(name) for name in ("edge-1", "edge-3")] == [7, 5]
    for phase in records.PHASES:
        if phase != records.CANARY:
            assert ROLLOUT._replace(phase=phase).wanted_of("edge-1") == 5


def test_a_node_accepts_or_refuses_what_it_has_checked() -> None:
    fine = NODE._replace(problems=())
    assert (NODE.accepts(7), NODE.refuses(7), fine.accepts(7), fine.refuses(7)) == (False, True, True, False)
    assert not fine.accepts(8) and not NODE.refuses(8)

"""Members of etcd: what a key says, and that what is told comes to be what is there, whatever happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.core.settings import Address
from fastgw.core.sources import EtcdSettings
from fastgw.discovery import etcd
from fastgw.discovery.etcd import CHECK, VALUE_MOST, EtcdSource, entry
from fastgw.discovery.etcd_client import EtcdError
from fastgw.discovery.etcd_watch import PAGE, RENEW
from fastgw.discovery.listing import ListedMember, Listing, Skipped, SourceError
from tests.support.etcd_model import EtcdModel
from tests.support.virtual import passes, run

SETTINGS = EtcdSettings(((False, "10.0.0.9", 2379),), "/services/vision")
PREFIX = b"/services/vision/"
SOME = Address("10.0.0.5", 9000)


def said(value: Any, name: bytes = b"10.0.0.5:9000") -> ListedMember | Skipped | None:
    data = (
        value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else json.dumps(value).encode()
    )
    return entry(PREFIX + name, name, data)


# --- what a key says


@pytest.mark.parametrize("value", ["active", "active\n", {}, {"status": "active"}, {"of others": [1]}])
def test_a_member_by_its_name(value: Any) -> None:
    assert said(value) == ListedMember(SOME)


def test_a_member_with_all_that_can_be_said() -> None:
    value = {"address": "[::1]:80", "weight": 3, "zone": "eu-1a", "version": "2.1", "metadata": {"gpu": True}}
    assert said(value, b"some name") == ListedMember(
        Address("::1", 80), 3, "eu-1a", (("gpu", "true"), ("version", "2.1"))
    )


@pytest.mark.parametrize("value", ["draining", "inactive", {"status": "draining"}, {"status": "inactive", "weight": 2}])
def test_a_member_out_of_rotation(value: Any) -> None:
    assert said(value) is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "its value is none of active, draining, inactive"),
        ("up", "up"),
        ({"status": 1}, "none of"),
        ({"status": ["active"]}, "none of"),
        (b"\xff\xfe", "no text in UTF-8"),
        ("{", "no JSON"),
        ("{" * 5000, "no JSON"),
        ('{"a":' * 2500 + "1" + "}" * 2500, "no JSON"),
        ("[1]", "none of"),
        ({"weight": 0}, "weight"),
        ({"weight": "3"}, "weight"),
        ('{"weight": 1e999}', "weight"),
        ({"zone": 1}, "zone"),
        ({"metadata": [1]}, "metadata"),
        ({"metadata": {"a": []}}, "metadata"),
        ({"version": {}}, "metadata"),
        ({"address": "vision.local:80"}, "no IP address"),
        ({"address": 5}, "no address"),
        ("x" * (VALUE_MOST + 1), f"more than {VALUE_MOST}"),
    ],
)
def test_values_that_are_no_member(value: Any, reason: str) -> None:
    found = said(value)
    assert isinstance(found, Skipped) and reason in found.reason and len(found.reason) < 300
    assert found.entry == "/services/vision/10.0.0.5:9000" and found.reason.isprintable()


@pytest.mark.parametrize("name", [b"", b"a/10.0.0.5:80", b"10.0.0.5", b"\xff:80", b"0.0.0.0:80", b"x" * 1000])
def test_names_that_are_no_address(name: bytes) -> None:
    found = said("active", name)
    assert isinstance(found, Skipped) and len(found.entry) < 200 and found.entry.isprintable()


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_whatever_a_key_says_it_is_a_member_or_has_a_reason(name: bytes, value: bytes) -> None:
    found = entry(PREFIX + name, name, value)
    assert found is None or isinstance(found, ListedMember | Skipped)


# --- listing and watching


def follow(model: EtcdModel, work: Callable[[list[Listing]], Any], *, retries: bool = False) -> list[Listing]:
    """What is told while ``work`` goes on."""
    told: list[Listing] = []

    async def keep(source: EtcdSource) -> None:
        while True:
            try:
                await source.watch(told.append)
            except SourceError:
                if not retries:
                    raise
                await passes(0.5)

    async def whole() -> None:
        task = asyncio.ensure_future(keep(EtcdSource(SETTINGS, model.clients(SETTINGS))))
        working = asyncio.ensure_future(work(told))
        try:
            await asyncio.wait((task, working), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await task
            await working
        finally:
            task.cancel()
            working.cancel()
            await asyncio.gather(task, working, return_exceptions=True)

    run(whole())
    return told


def key(number: int) -> bytes:
    return PREFIX + b"10.0.0.1:%d" % number


def ports(one: Listing) -> list[int]:
    return [member.address.port for member in one.members]


def test_members_come_and_go() -> None:
    model = EtcdModel()
    model.put(key(1), b"active")
    model.put(b"/services/visionary/10.0.0.1:9", b"active")

    async def work(told: list[Listing]) -> None:
        await passes(1)
        for number in (2, 3):
            model.put(key(number), b"active")
            await passes(1)
        model.put(key(2), b"draining")
        await passes(1)
        model.delete(key(1))
        model.put(key(4), b"nonsense")
        await passes(20)

    told = follow(model, work)
    assert [ports(one) for one in told] == [[1], [1, 2], [1, 2, 3], [1, 3], [3]]
    assert [one.revision for one in told] == ["3", "4", "5", "6", "8"] and told[-1].skipped[0].entry.endswith(":4")
    assert model.listed == 1


def test_nothing_there_is_a_listing_too() -> None:
    async def work(told: list[Listing]) -> None:
        await passes(1)

    assert follow(EtcdModel(), work) == [Listing((), (), "1")]


def test_many_changes_at_once_are_told_as_a_few() -> None:
    model = EtcdModel()

    async def work(told: list[Listing]) -> None:
        await passes(1)
        for number in range(1, 1001):
            model.put(key(number), b"active")
            await passes(0.0001)
        await passes(1)

    told = follow(model, work)
    assert len(told) < 8 and ports(told[-1]) == list(range(1, 1001))


def test_a_listing_of_several_pages_is_of_one_revision() -> None:
    model = EtcdModel()
    count = 2 * PAGE + 10
    for number in range(1, count + 1):
        model.put(key(number), b"active")
    first = len(model.asked)

    async def work(told: list[Listing]) -> None:
        while len(model.asked) == first:
            await passes(0.0001)
        model.delete(key(count))  # behind the first page
        await passes(0.01)
        assert [ports(one) for one in told] == [list(range(1, count + 1))]
        await passes(1)

    told = follow(model, work)
    assert ports(told[-1]) == list(range(1, count)) and model.listed == 1


def test_a_listing_overtaken_by_a_compaction_begins_again() -> None:
    model = EtcdModel()
    for number in range(1, PAGE + 2):
        model.put(key(number), b"active")

    async def work(told: list[Listing]) -> None:
        while not model.asked:
            await passes(0.0001)
        model.put(key(9000), b"active")
        model.compact()
        await passes(1)

    told = follow(model, work)
    assert len(told[0].members) == PAGE + 2 and model.listed == 2


def test_too_many_keys_are_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etcd, "KEYS_MOST", 3)
    model = EtcdModel()
    for number in range(1, 4):
        model.put(key(number), b"active")

    async def work(told: list[Listing]) -> None:
        await passes(1)
        assert len(told) == 1
        model.put(key(4), b"active")
        await passes(1)

    with pytest.raises(EtcdError, match="more than 3 keys under /services/vision/") as caught:
        follow(model, work)
    assert caught.value.cause == "too_large"


class LargeValues(EtcdModel):
    """Each answer has room for so many bytes of values."""

    room = 100

    async def ask(self, path: str, message: dict[str, Any], at: int | None = None) -> dict[str, Any]:
        found = await super().ask(path, message, at)
        if sum(len(kv.get("value", "")) for kv in found["kvs"]) > self.room:
            raise EtcdError("too_large", "the answer is too large")
        return found


def test_large_values_are_asked_for_in_smaller_pages_and_too_large_ones_skipped() -> None:
    model = LargeValues()
    for number in range(1, 40):
        model.put(key(number), b"active")
    model.put(key(40), b"x" * 1000)
    model.put(key(41), b"active")

    async def work(told: list[Listing]) -> None:
        await passes(1)

    (told,) = follow(model, work)
    assert len(told.members) == 40 and told.skipped == (Skipped(key(40).decode(), "its value is too large"),)


def test_a_watch_that_ends_is_followed_by_a_listing() -> None:
    model = EtcdModel()

    async def work(told: list[Listing]) -> None:
        await passes(2)
        model.disconnect()
        model.put(key(1), b"active")
        model.compact()
        await passes(1)

    assert ports(follow(model, work, retries=True)[-1]) == [1]


def test_nobody_there_is_an_error_and_no_empty_list() -> None:
    model = EtcdModel()
    model.put(key(1), b"active")

    async def work(told: list[Listing]) -> None:
        await passes(2)
        model.stop()
        await passes(5)
        assert [ports(one) for one in told] == [[1]]
        model.start()
        await passes(5)

    assert [ports(one) for one in follow(model, work, retries=True)] == [[1], [1]]
    model.stop()
    with pytest.raises(EtcdError) as caught:
        follow(model, work)
    assert caught.value.cause == "refused"


@pytest.mark.parametrize("change", ["put", "delete", "other value"])
def test_a_watch_that_hears_nothing_is_found_out(change: str) -> None:
    model = EtcdModel()
    model.put(key(1), b"active")

    async def work(told: list[Listing]) -> None:
        await passes(1)
        model.deafen()
        if change == "delete":
            model.delete(key(1))
        else:
            model.put(key(2 if change == "put" else 1), b'{"weight": 2}')
        await passes(CHECK + 2)

    told = follow(model, work)
    assert len(told) == 2 and told[0].members != told[1].members


def test_a_wiped_cluster_behind_the_same_connection_is_found_out() -> None:
    model = EtcdModel()
    for number in range(1, 10):
        model.put(key(number), b"active")

    async def work(told: list[Listing]) -> None:
        await passes(1)
        model.wipe(is_seen=False)
        model.put(key(1), b"active")
        await passes(CHECK + 1)

    assert ports(follow(model, work)[-1]) == [1]


def test_another_cluster_behind_the_same_connection_is_found_out() -> None:
    model = EtcdModel()

    async def work(told: list[Listing]) -> None:
        await passes(1)
        model._cluster = 2
        await passes(CHECK + 1)

    assert len(follow(model, work)) == 2


def test_a_quiet_watch_is_left_alone() -> None:
    model = EtcdModel()

    async def work(told: list[Listing]) -> None:
        await passes(3600)

    assert len({one.members for one in follow(model, work)}) == 1
    assert 3600 / RENEW / 1.2 - 1 < model.listed < 3600 / RENEW / 0.8 + 1
    assert 3600 / CHECK * 0.9 < len(model.asked) < 3600 / CHECK * 1.1


class Instant(EtcdModel):
    """Each watch is cancelled as soon as it is there."""

    async def results(self, *arguments: Any) -> Any:
        yield {"header": self.header(), "created": True}
        yield {"header": {}, "canceled": True, "compact_revision": "1"}


def test_a_cluster_that_cannot_be_told_from_the_one_before_is_listed_again_too() -> None:
    model = EtcdModel()
    model.put(key(1), b"active")

    async def work(told: list[Listing]) -> None:
        await passes(1)
        model.wipe(is_seen=False)
        model.put(key(2), b"active")  # at the revision of the other
        await passes(RENEW * 1.2)

    assert ports(follow(model, work)[-1]) == [2]


def test_watches_that_end_at_once_are_a_failure() -> None:
    model = Instant()

    async def work(told: list[Listing]) -> None:
        await passes(60)

    with pytest.raises(EtcdError, match="each watch at once: its revision is compacted"):
        follow(model, work)
    assert model.listed == 3


# --- whatever happens

VALUES = st.sampled_from(
    [b"active", b"draining", b"\xff", b'{"weight": 7}', b'{"weight": 0}', b'{"zone": "a", "version": "1"}']
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 6), VALUES),
        st.tuples(st.just("delete"), st.integers(1, 6)),
        st.tuples(st.sampled_from(["compact", "disconnect", "deafen", "stop", "start", "wipe", "lose"])),
        st.tuples(st.just("wait"), st.sampled_from([0.0005, 0.0015, 0.01, 0.06, 1.0, 7.0])),
    ),
    max_size=40,
)


@settings(max_examples=100)
@given(STEPS)
def test_whatever_happens_what_is_told_comes_to_be_what_is_there(steps: list[tuple[Any, ...]]) -> None:
    model = EtcdModel()

    async def work(told: list[Listing]) -> None:
        for name, *arguments in steps:
            if name == "wait":
                await passes(arguments[0])
            elif name in ("put", "delete"):
                if model.is_up:
                    getattr(model, name)(key(arguments[0]), *arguments[1:])
            elif name in ("wipe", "lose"):
                model.wipe(is_seen=name == "wipe")
            else:
                getattr(model, name)()
        model.start()
        await passes(RENEW * 1.2 + CHECK)

    last = follow(model, work, retries=True)[-1]
    entries = [entry(name, name[len(PREFIX) :], value) for name, (value, _) in model.keys().items()]
    assert set(last.members) == {one for one in entries if isinstance(one, ListedMember)}
    assert set(last.skipped) == {one for one in entries if isinstance(one, Skipped)}

"""Lists of members on the disk: what is written is read, and whatever else is there is no reason not to start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.core.settings import Address
from fastgw.core.sources import ClientTls, ConsulSettings, DnsSettings, EtcdSettings, FileSettings, RegistryUrl
from fastgw.discovery.keeping import Recalled
from fastgw.discovery.listing import ListedMember
from fastgw.server.members_file import MEMBERS_FILE, identity

MEMBERS = (
    ListedMember(Address("10.0.0.1", 80)),
    ListedMember(Address("2001:db8::1", 81), 5, "eu-1", (("gpu", "h100"), ("version", "2"))),
)
HERE = RegistryUrl(False, "127.0.0.1", 2379)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "m.json")
    assert MEMBERS_FILE.read(path) == ({}, "")
    lists = {"etcd a": Recalled(MEMBERS, 5.0, "77"), "dns b": Recalled((), 6.0)}
    assert MEMBERS_FILE.write(path, lists) == 2
    assert MEMBERS_FILE.read(path) == (lists, "")
    json.loads((tmp_path / "m.json").read_text())  # by others too


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda one: (
            st.lists(one, max_size=3)
            | st.dictionaries(st.sampled_from(["format", "lists", "seen_at", "members", "x"]), one, max_size=4)
        ),
    )
)
def test_whatever_is_there_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, found: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(found if isinstance(found, bytes) else json.dumps(found).encode())
    lists, wrong = MEMBERS_FILE.read(str(path))
    assert wrong and lists == {}


@pytest.mark.parametrize(
    "change",
    [
        {"members": ["nobody"]},
        {"members": [["10.0.0.1:1", 0, "", {}]]},
        {"members": [["10.0.0.1:1"]]},
        {"members": ["224.0.0.1:1"]},
        {"members": 7},
        {"seen_at": "x"},
        {"seen_at": None},
    ],
)
def test_one_list_that_is_none_spoils_the_file(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"format": 1, "lists": {"a": {"seen_at": 1.0, "revision": "", "members": []} | change}}))
    lists, wrong = MEMBERS_FILE.read(str(path))
    assert lists == {} and wrong.startswith("is no list of members of version 1: ")


def test_a_source_is_what_it_asks_and_not_how() -> None:
    one = EtcdSettings((HERE,), "/a", "me", "secret", ClientTls("/ca"), 3.0)
    same = EtcdSettings((HERE,), "/a", "you", "other", ClientTls("/other"), 5.0)
    assert (
        identity("etcd", one) == identity("etcd", same) == 'etcd {"endpoints":[[false,"127.0.0.1",2379]],"prefix":"/a"}'
    )
    others = [
        identity("etcd", one._replace(prefix="/b")),
        identity("etcd", one._replace(endpoints=(HERE._replace(port=1),))),
        identity("consul", ConsulSettings(HERE, "a")),
        identity("consul", ConsulSettings(HERE, "a", ("tag",))),
        identity("dns", DnsSettings("a")),
        identity("dns", DnsSettings("a", 80)),
        identity("file", FileSettings("/a", 7.0)),
    ]
    assert len({identity("etcd", one), *others}) == 8

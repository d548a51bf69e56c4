"""Members of a real etcd: what is told is what ``etcdctl`` says is there, whatever befalls the servers."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.core.sources import ClientTls, EtcdSettings
from fastgw.discovery.etcd import GATHER, VALUE_MOST, EtcdSource
from fastgw.discovery.etcd_client import EtcdError
from tests.support.certificates import Authority
from tests.support.etcd import EtcdServer, cluster
from tests.support.followed import Followed
from tests.support.gateway import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.needs("etcd", "etcdctl")]


Follow = Callable[..., Followed]


@pytest.fixture
def follow() -> Iterator[Follow]:
    running: list[Followed] = []

    def start(settings: EtcdSettings, **more: Any) -> Followed:
        running.append(Followed(EtcdSource(settings, **more)))
        return running[-1]

    yield start
    for one in running:
        one.close()


def key(number: int) -> str:
    return f"/services/vision/10.0.0.1:{number}"


def there(server: EtcdServer, *options: str) -> set[int]:
    """The ports of the keys that ``etcdctl`` sees."""
    lines = server.ctl("get", "--prefix", "--keys-only", "/services/vision/", *options).split()
    return {int(line.rpartition(":")[2]) for line in lines}


def test_members_of_one_etcd_whatever_befalls_it(etcd: EtcdServer, follow: Follow) -> None:
    etcd.put_all(map(key, range(1, 601)))  # several pages
    one = follow(etcd.settings("/services/vision", timeout=0.5), check=0.2)
    other = follow(etcd.settings("/services/other"), check=0.5)
    one.comes_to(dict.fromkeys(range(1, 601), 1))
    other.comes_to({})

    # as the article writes them, by another program, and a lease that ends
    etcd.ctl("del", "--prefix", "/services/vision/10.0.0.1:")
    etcd.ctl("put", key(1), "active")
    etcd.ctl("put", key(2), '{"weight": 5, "zone": "a", "version": "2"}')
    etcd.put(key(3), lease=etcd.grant(1))
    one.comes_to({1: 1, 2: 5, 3: 1})
    assert there(etcd) == {1, 2, 3}
    one.comes_to({1: 1, 2: 5})
    etcd.put(key(2), "draining")
    one.comes_to({1: 1})

    # what is no member: skipped one by one
    etcd.put(key(4), "x" * 1_000_000)
    etcd.put(b"/services/vision/\xff\xfe", b"\xff")
    etcd.put_all((f"/services/vision/none-{number}" for number in range(1000)), "up")
    etcd.put(key(5))
    one.comes_to({1: 1, 5: 1})
    skipped = {skipped.entry: skipped.reason for skipped in one.told[-1].skipped}
    assert len(skipped) == 1002 and skipped[key(4)] == f"its value has 1000000 bytes, more than {VALUE_MOST}"
    again = follow(etcd.settings("/services/vision"))  # listed, not watched
    again.comes_to({1: 1, 5: 1})
    assert set(again.told[-1].skipped) == set(one.told[-1].skipped)
    etcd.ctl("del", "--prefix", "/services/vision/none-")

    # kill -9, and a history that is compacted when it is back
    before = len(one.told)
    etcd.kill()
    wait_until(lambda: one.errors, what="its end is noticed")
    assert len(one.told) == before
    etcd.start()
    etcd.put(key(6))
    revision = etcd.delete(key(5))
    etcd.ctl("compaction", str(revision))
    assert one.comes_to({1: 1, 6: 1}) < 2

    # wiped, at the same ports
    etcd.kill()
    etcd.wipe()
    etcd.start()
    etcd.put(key(7))
    assert one.comes_to({7: 1}) < 2
    assert int(one.told[-1].revision) < revision

    # it stands still: its connections are there, and nothing else
    errors = len(one.errors)
    etcd.signal(signal.SIGSTOP)
    wait_until(lambda: len(one.errors) > errors, what="its silence is noticed")
    assert one.errors[-1].cause == "timeout"
    etcd.signal(signal.SIGCONT)
    etcd.put(key(8))
    one.comes_to({7: 1, 8: 1})
    assert other.told[-1].members == ()


def test_changes_in_a_crowd_are_told_as_a_few(etcd: EtcdServer, follow: Follow) -> None:
    one = follow(etcd.settings("/services/vision"))
    one.comes_to({})
    begin = time.monotonic()
    for number in range(1, 301):
        etcd.put(key(number), '{"weight": 2}')
    assert one.comes_to(dict.fromkeys(range(1, 301), 2)) < 1
    assert len(one.told) < 5 + (time.monotonic() - begin) / GATHER and there(etcd) == set(range(1, 301))


def test_credentials(etcd: EtcdServer, follow: Follow) -> None:
    for command in (
        "user add root:rootpw",
        "user grant-role root root",
        "role add reader",
        "role grant-permission --prefix=true reader read /services/vision/",
        "user add fastgw:secret",
        "user grant-role fastgw reader",
        "put /services/vision/10.0.0.1:1 active",
        "auth enable",
    ):
        etcd.ctl(*command.split())
    root = ("--user", "root:rootpw")
    wrong = {
        "user name is empty": follow(etcd.settings("/services/vision")),
        "invalid user ID or password": follow(etcd.settings("/services/vision", user="fastgw", password="guess")),
        "permission denied": follow(etcd.settings("/services/other", user="fastgw", password="secret")),
    }
    one = follow(etcd.settings("/services/vision", user="fastgw", password="secret"), check=0.5)
    one.comes_to({1: 1})
    for words, refused in wrong.items():
        wait_until(lambda refused=refused: refused.errors, what=words)
        assert refused.errors[0].cause == "denied" and words in refused.errors[0].detail and not refused.told

    # its token is forgotten with the process, and is too old once roles change
    etcd.kill()
    etcd.start()
    etcd.ctl(*root, "put", key(2), "active")
    one.comes_to({1: 1, 2: 1})
    etcd.ctl(*root, "user", "add", "somebody:else")
    etcd.ctl(*root, "put", key(3), "active")
    one.comes_to({1: 1, 2: 1, 3: 1})
    errors = len(one.errors)
    etcd.ctl(*root, "user", "revoke-role", "fastgw", "reader")
    wait_until(
        lambda: len(one.errors) > errors and one.errors[-1].cause == "denied", what="what it may no more is said"
    )
    assert one.last == {1: 1, 2: 1, 3: 1}


def test_tls_with_certificates_on_both_sides(tmp_path: Path, follow: Follow) -> None:
    authority, other = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    files = [authority.ca, *authority.pair("etcd", "127.0.0.1", "localhost")]
    server = EtcdServer(tls=files)
    try:
        server.start()
        server.ctl("put", key(1), "active")
        one = follow(server.settings("/services/vision"))
        nobody = follow(server.settings("/services/vision", tls=ClientTls(authority.ca)))
        stranger = follow(server.settings("/services/vision", tls=ClientTls(other.ca, *files[1:])))
        one.comes_to({1: 1})
        server.put(key(2))
        one.comes_to({1: 1, 2: 1})
        for wrong in (nobody, stranger):
            wait_until(lambda wrong=wrong: wrong.errors, what="it is refused")
            assert wrong.errors[0].cause in ("tls", "broken") and not wrong.told
    finally:
        server.close()


@pytest.mark.long
def test_a_cluster_of_three_loses_its_leader_and_takes_another_member(follow: Follow) -> None:
    members = cluster(3)
    try:
        places = tuple((False, "127.0.0.1", one.port) for one in members)
        one = follow(EtcdSettings(places, "/services/vision", timeout=2.0), check=0.5)
        rest = list(members)
        rest[0].put(key(1))
        one.comes_to({1: 1})
        wanted = {1: 1}
        for turn in range(3):  # each time the leader, so also the member that is watched
            status = [server.ask("/v3/maintenance/status", {}) for server in rest]
            leader = next(
                server
                for server, found in zip(rest, status, strict=True)
                if found["leader"] == found["header"]["member_id"]
            )
            leader.kill()
            rest.remove(leader)
            wait_until(rest[0].answers, limit=20, what="a new leader")
            wanted[10 + turn] = 1
            rest[0].put(key(10 + turn))
            assert one.comes_to(wanted) < 4
            leader.launch(is_new=False)
            wait_until(leader.answers, limit=20, what="it is back")
            rest.append(leader)
        # cut off from the others: it answers nobody, and its watches say nothing
        watched, errors = members[0], len(one.errors)
        for server in members[1:]:
            server.kill()
        wait_until(lambda: len(one.errors) > errors, limit=20, what="that nobody answers for the cluster")
        assert one.last == wanted
        for server in members[1:]:
            server.launch(is_new=False)
        wait_until(watched.answers, limit=20, what="the cluster is back")
        watched.put(key(20))
        one.comes_to({**wanted, 20: 1})
        assert not any(isinstance(error, EtcdError) and error.cause == "denied" for error in one.errors)
    finally:
        for server in members:
            server.close()

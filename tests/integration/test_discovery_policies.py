"""Real etcds through a real gateway: what of their lists is believed, what is said of the rest, and what comes back after a loss."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.processes import Gateway, Service, connect, events, read_answer, say
from tests.support.certificates import Authority
from tests.support.etcd import EtcdServer, cluster
from tests.support.gateway import GatewayProcess, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.needs("etcd", "etcdctl")]

HEAD = """
workers: 2
admin: {address: "127.0.0.1:$admin"}
listeners:
  - {name: edge, address: "127.0.0.1:$port"}
"""


def configuration(**services: str) -> str:
    """Each at a path of its name, with this in ``discovery``."""
    routes = "".join(f"  - {{path: /{name}, service: {name}}}\n" for name in services)
    listed = "".join(f"  {name}:\n    discovery: {{{one}}}\n" for name, one in services.items())
    return f"{HEAD}routes:\n{routes}services:\n{listed}"


def in_etcd(url: str, name: str, more: str = "", policy: str = "") -> str:
    return f'etcd: {{endpoints: ["{url}"], prefix: /s/{name}{more}}}{policy}'


class Seen:
    """A gateway, as its clients and its operator see it."""

    def __init__(self, running: GatewayProcess) -> None:
        self.running = running

    def of(self, service: str) -> dict[str, Any]:
        """Its members, and what is said of its source."""
        found = self.running.admin("/status")["services"][service]
        return {"endpoints": set(found["endpoints"]), **found["discovery"][0]}

    def answer(self, service: str) -> bytes:
        """The body of the answer to one request: what the member says, or an error."""
        with connect(self.running.port) as sock:
            sock.sendall(b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % service.encode())
            return read_answer(sock).rpartition(b"\r\n")[2]

    def becomes(self, service: str, limit: float = 10.0, **wanted: Any) -> dict[str, Any]:
        """Wait until all of that is said of it."""
        what = f"{service} is {wanted}"
        wait_until(lambda: {**self.of(service), **wanted} == self.of(service), limit, what)
        return self.of(service)


@pytest.fixture
def etcds() -> Iterator[Callable[..., EtcdServer]]:
    started: list[EtcdServer] = []

    def start(**options: Any) -> EtcdServer:
        started.append(EtcdServer(**options))
        return started[-1].start()

    yield start
    for one in started:
        one.close()


AUTH = ("user add root:rootpw", "user grant-role root root", "auth enable")


def test_what_is_believed_and_what_is_said_of_the_rest(
    gateway: Gateway, service: Service, etcds: Callable[..., EtcdServer], tmp_path: Path
) -> None:
    authority, other = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    files = [authority.ca, *authority.pair("etcd", "127.0.0.1", "localhost")]
    etcd, guarded = etcds(tls=files), etcds()
    for command in AUTH:
        guarded.ctl(*command.split())
    one = service(say(b"one"))
    idle = [f"127.0.0.{number}:1" for number in range(2, 6)]
    names = ("keep", "believe", "share", "flap", "bad")
    etcd.put_all(f"/s/{name}/{one.address}" for name in names)
    etcd.put_all(f"/s/share/{address}" for address in idle[:3])
    # a megabyte, a thousand of them, and whatever else is no member: beside the one that is
    etcd.put("/s/bad/10.0.0.1:1", "x" * 1_000_000)
    etcd.put_all(f"/s/bad/none-{number}" for number in range(1000))
    for key, value in (
        ("10.0.0.2:1", '{"weight": "heavy"}'),
        ("10.0.0.3:1", "[1, 2"),
        ("a", '{"address": 7}'),
        (":", "active"),
    ):
        etcd.put(f"/s/bad/{key}", value)
    tls = ", tls: {{ca: {}, cert: {}, key: {}}}"
    mine = tls.format(*files)
    text = configuration(
        keep=in_etcd(etcd.url, "keep", mine),
        believe=in_etcd(etcd.url, "believe", mine, ", empty: believe"),
        share=in_etcd(etcd.url, "share", mine, ", min_share: 50%, patience: 1s"),
        flap=in_etcd(etcd.url, "flap", mine),
        bad=in_etcd(etcd.url, "bad", mine),
        stranger=in_etcd(etcd.url, "keep", tls.format(other.ca, *files[1:])),
        denied=in_etcd(guarded.url, "keep", ", user: root, password: guess"),
    )
    seen = Seen(gateway(text))
    for name in names:
        assert seen.answer(name) == b"one"

    # one bad entry costs no other, and all are told once
    bad = seen.of("bad")
    assert (bad["members"], bad["skipped"], bad["endpoints"]) == (1, 1005, {one.address})
    etcd.put("/s/bad/10.0.0.2:1", "draining")
    seen.becomes("bad", skipped=1004)
    [line] = events(seen.running, "entries of a source are no members")
    assert len(line["entries"]) == 5 and line["more"] == 1000

    # wrong certificate, wrong password, which etcd takes its time for
    seen.becomes("stranger", state="failing", cause="tls")
    seen.becomes("denied", state="failing", cause="denied")
    problems = {
        found["about"]: found for found in seen.running.admin("/status")["problems"] if found["kind"] == "discovery"
    }
    assert (
        "certificate" in problems["service stranger"]["cause"]
        and problems["service stranger"]["severity"] == "critical"
    )
    assert "invalid user ID or password" in problems["service denied"]["cause"]
    assert set(problems) == {"service stranger", "service denied"}

    # nobody is listed any more
    for name in ("keep", "believe", "share"):
        etcd.ctl("del", "--prefix", f"/s/{name}/")
    seen.becomes("keep", state="doubted", cause="empty", endpoints={one.address})
    seen.becomes("believe", state="listed", endpoints=set())
    seen.becomes("share", state="doubted", cause="empty", endpoints={one.address, *idle[:3]})
    assert seen.answer("keep") == b"one" and b"no_member" in seen.answer("believe")
    # a registry that fills again: too few, then enough; and too few for longer than is doubted
    etcd.put(f"/s/share/{idle[3]}")
    seen.becomes("share", state="listed", endpoints={idle[3]}, limit=4)
    etcd.put(f"/s/believe/{one.address}")
    wait_until(lambda: seen.answer("believe") == b"one", what="it is believed again")

    # one that comes and goes is left out, beside one that stays
    for _ in range(4):
        etcd.put(f"/s/flap/{idle[0]}")
        seen.becomes("flap", endpoints={one.address, idle[0]})
        etcd.delete(f"/s/flap/{idle[0]}")
        seen.becomes("flap", endpoints={one.address}, damped=0)
    etcd.put(f"/s/flap/{idle[0]}")
    seen.becomes("flap", damped=1, endpoints={one.address}, state="listed")
    assert len(events(seen.running, "members that come and go are left out for a while")) == 1
    assert 'fastgw_discovery_damped{service="flap",source="etcd"} 1' in seen.running.admin("/metrics")


@pytest.mark.long
def test_a_registry_that_was_wiped_and_one_that_was_restored(
    gateway: Gateway, service: Service, etcds: Callable[..., EtcdServer]
) -> None:
    etcd = etcds()
    one, two = service(say(b"one")), service(say(b"two"))
    etcd.put(f"/s/a/{one.address}")
    etcd.put(f"/s/b/{one.address}")
    snapshot = etcd.folder / "snapshot"
    etcd.ctl("snapshot", "save", str(snapshot))
    for number in range(50):
        etcd.put(f"/s/a/127.0.0.2:{1 + number}", "draining")
    etcd.put(f"/s/a/{two.address}")
    seen = Seen(gateway(configuration(a=in_etcd(etcd.url, "a"), b=in_etcd(etcd.url, "b"))))
    revision = int(seen.becomes("a", endpoints={one.address, two.address})["revision"])

    etcd.kill()
    etcd.restore(snapshot)
    etcd.start()
    found = seen.becomes("a", endpoints={one.address})  # as it was then
    assert int(found["revision"]) < revision and seen.answer("a") == b"one"
    etcd.put(f"/s/a/{two.address}")
    seen.becomes("a", endpoints={one.address, two.address})

    etcd.kill()
    etcd.wipe()
    etcd.start()
    etcd.put(f"/s/a/{two.address}")
    seen.becomes("a", endpoints={two.address}, state="listed")
    seen.becomes("b", endpoints={one.address}, state="doubted", cause="empty")
    assert (seen.answer("a"), seen.answer("b")) == (b"two", b"one")


class Asking:
    """Requests one after the other, in a thread, until it is told to stop."""

    def __init__(self, seen: Seen) -> None:
        self.answers: list[bytes] = []
        self._is_over = threading.Event()
        self._seen = seen
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._is_over.is_set():
            self.answers.append(self._seen.answer("a"))

    def stop(self) -> list[bytes]:
        self._is_over.set()
        self._thread.join(20)
        return self.answers


def changed(server: EtcdServer, *arguments: str) -> None:
    """Change the members of a cluster; etcd refuses as long as they have not known each other for 5 s."""

    def is_done() -> bool:
        try:
            server.ctl("member", *arguments)
        except AssertionError as error:
            if "unhealthy cluster" not in str(error):
                raise
            return False
        return True

    wait_until(is_done, limit=30, what=f"member {arguments[0]}")


@pytest.mark.long
def test_a_cluster_whose_members_change_and_whose_leader_dies(gateway: Gateway, service: Service) -> None:
    one = service(say(b"one"))
    members_of = [one.address]
    members = cluster(3)
    joining = EtcdServer(name="m3")
    asking: list[Asking] = []
    try:
        members[0].put(f"/s/a/{one.address}")
        endpoints = '", "'.join(server.url for server in (*members, joining))
        seen = Seen(gateway(configuration(a=in_etcd(endpoints, "a"))))
        assert seen.answer("a") == b"one"
        asking.append(Asking(seen))

        def follows(server: EtcdServer) -> None:
            """A change is told, and taken back, wherever it is written; each time of another member: none of them flaps."""
            members_of.append(service(say(b"more")).address)
            server.put(f"/s/a/{members_of[-1]}")
            seen.becomes("a", endpoints={*members_of})
            server.delete(f"/s/a/{members_of.pop()}")
            seen.becomes("a", endpoints={*members_of})

        follows(members[2])
        joining.peers = f"{members[0].peers},{joining.peers}"
        changed(members[0], "add", joining.name, f"--peer-urls={joining.peer_url}")
        joining.launch(is_new=False)
        wait_until(joining.answers, limit=20, what="the fourth has joined")
        follows(joining)

        def leader_of(rest: list[EtcdServer]) -> tuple[EtcdServer, int]:
            told = [(server, server.ask("/v3/maintenance/status", {})) for server in rest]
            return next(
                (server, int(found["leader"]))
                for server, found in told
                if found["leader"] == found["header"]["member_id"]
            )

        everybody = [*members, joining]
        removed, number = leader_of(everybody)
        rest = [server for server in everybody if server is not removed]
        changed(rest[0], "remove", f"{number:x}")
        wait_until(rest[0].answers, limit=20, what="the others go on")
        follows(rest[0])
        removed.kill()
        follows(rest[1])

        killed, _ = leader_of(rest)
        killed.kill()
        left = [server for server in rest if server is not killed]
        wait_until(left[0].answers, limit=20, what="another leader")
        follows(left[0])
        answers = asking.pop().stop()
        assert set(answers) <= {b"one", b"more"} and len(answers) > 100
    finally:
        for running in asking:
            running.stop()
        for server in (*members, joining):
            server.close()

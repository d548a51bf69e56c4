"""A gateway as a node of a fleet: what it starts with, what it says of a generation, and how it takes one."""

from __future__ import annotations

import asyncio
import ipaddress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.config.trust import TrustRules
from fastgw.core.sources import EtcdSettings
from fastgw.fleet.copies import NodeCopies
from fastgw.fleet.records import FleetKeys, Generation, digest_of
from fastgw.fleet.start import Begun
from fastgw.registration.etcd import endpoints
from fastgw.server import fleet as module
from fastgw.server.fleet import BY, FleetOptions, InFleet, Membership, membership, problems_of
from fastgw.server.log import Log
from fastgw.server.reload import Outcome
from fastgw.server.reload_guard import HELD, WENT_BACK, Verdict
from tests.support.ports import free_port
from tests.unit.config.files import MINIMAL

TRUST = TrustRules(networks=(ipaddress.ip_network("0.0.0.0/0"),), may_show_admin=True)


def generation(text: str, number: int = 7) -> Generation:
    return Generation(number, text, digest_of(text), "ann@desk", 0.0)


def options(folder: Path) -> FleetOptions:
    settings = EtcdSettings(endpoints(f"http://127.0.0.1:{free_port()}"), "")
    return FleetOptions(settings, FleetKeys("/fastgw/edge"), "edge-1", str(folder / "edge.yaml"), TrustRules())


def gateway(folder: Path, **more: Any) -> Any:
    found = {
        "membership": Membership(options(folder), Begun(None)),
        "is_started": True,
        "is_draining": False,
        "is_upgrading": False,
        "path": str(folder / "edge.yaml"),
        "environ": {},
        "workers": [SimpleNamespace(state="ready"), SimpleNamespace(state="dead")],
        "plan_in_use": SimpleNamespace(spec=SimpleNamespace(admin=None)),
    }
    return SimpleNamespace(**found | more)


def test_without_etcd_the_last_good_one_is_served(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    copies = NodeCopies(str(tmp_path / "edge.yaml"))
    copies.keep(generation(MINIMAL))
    found = membership(options(tmp_path), {}, is_heir=False)
    assert found is not None and found.begun.held == generation(MINIMAL) and copies.text() == MINIMAL
    line = capfd.readouterr().err
    assert "the configuration is the last good one on the disk" in line and '"generation": 7' in line


def test_an_heir_serves_what_stands_there(tmp_path: Path) -> None:
    copies = NodeCopies(str(tmp_path / "edge.yaml"))
    copies.write(MINIMAL)
    copies.keep(generation(MINIMAL))
    found = membership(options(tmp_path), {}, is_heir=True)
    assert found is not None and found.begun == Begun(generation(MINIMAL))
    copies.write(MINIMAL + "zone: b\n")  # a canary, say
    found = membership(options(tmp_path), {}, is_heir=True)
    assert found is not None and found.begun == Begun(None) and copies.text().endswith("zone: b\n")
    Path(copies.good_path).write_bytes(b"?")
    found = membership(options(tmp_path), {}, is_heir=True)
    assert found is not None and found.begun == Begun(None)


def test_a_signal_ends_the_wait_for_the_first_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[tuple[str, ...]]()
    monkeypatch.setattr(module.signal, "sigtimedwait", lambda *_: object() if told else None)
    monkeypatch.setattr(module, "notify", lambda *lines, environ: told.append(lines))
    assert membership(options(tmp_path), {}, is_heir=False) is None
    assert told[0][0] == "STATUS=waiting for a first configuration in /fastgw/edge"
    assert told[0][1].startswith("EXTEND_TIMEOUT_USEC=")


def test_a_generation_is_read_as_for_a_load(tmp_path: Path) -> None:
    path = str(tmp_path / "edge.yaml")
    assert problems_of(generation(MINIMAL), path, {}, TRUST) == ()
    (problem,) = problems_of(generation(MINIMAL + "nonsense: 1\n"), path, {}, TRUST)
    assert problem.startswith("generation 7:") and "nonsense" in problem
    (problem,) = problems_of(generation(MINIMAL + "cpu_affinity: [4000]\n"), path, {}, TRUST)
    assert "4000" in problem
    assert not Path(path).exists()


def test_it_is_what_the_node_says(tmp_path: Path) -> None:
    one = InFleet(gateway(tmp_path), lambda _: None, Log("supervisor"))  # type: ignore[arg-type, return-value]
    assert one.facts()[1:] == ("", 1)
    assert one.can_change and one.document() is None
    for reason in ({"is_started": False}, {"is_draining": True}, {"is_upgrading": True}):
        other = InFleet(gateway(tmp_path, **reason), lambda _: None, Log("supervisor"))  # type: ignore[arg-type, return-value]
        assert not other.can_change
    assert asyncio.run(one.check(generation("?")))


@pytest.mark.parametrize(("how", "reason"), [(HELD, ""), (WENT_BACK, "9 % failed")])
def test_a_reload_is_told_with_the_end_of_its_guard(tmp_path: Path, how: str, reason: str) -> None:
    async def whole() -> None:
        guard: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        asked = list[str]()

        async def reload(by: str) -> Outcome:
            asked.append(by)
            return Outcome(True, guard=guard)

        used = await InFleet(gateway(tmp_path), reload, Log("supervisor")).use(generation("x"))
        assert asked == [BY] and used.problems == () and used.guard is not None
        guard.set_result(Verdict(how, "9 % failed"))
        assert await used.guard == reason

    asyncio.run(whole())


def test_a_reload_that_is_refused_is_told_with_all_reasons(tmp_path: Path) -> None:
    async def refused(_: str) -> Outcome:
        return Outcome(False, ("a", "b"))

    async def failed(_: str) -> Outcome:
        return Outcome(False)

    log = Log("supervisor")
    assert asyncio.run(InFleet(gateway(tmp_path), refused, log).use(generation("x"))).problems == ("a", "b")
    assert asyncio.run(InFleet(gateway(tmp_path), failed, log).use(generation("x"))).problems == (
        "the reload failed; the log says how",
    )


def test_a_successor_is_the_same_node(tmp_path: Path) -> None:
    async def whole() -> None:
        NodeCopies(str(tmp_path / "edge.yaml")).write(MINIMAL)
        one = InFleet(gateway(tmp_path), lambda _: None, Log("supervisor"))  # type: ignore[arg-type, return-value]
        await one.leave(has_successor=False)  # it has not begun
        one.begin()
        document = one.document()
        assert document is not None and (document["node"], document["state"]) == ("edge-1", "serving")
        await one.leave(has_successor=True)

    asyncio.run(whole())

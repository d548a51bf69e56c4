"""What is told of workers and of certificates."""

from __future__ import annotations

import os
import time
from pathlib import Path

from fastgw.core.counters import ROUTE
from fastgw.core.exemplars import Exemplars
from fastgw.server.gateway import Gateway
from fastgw.server.process_status import ADMIN, certificate_facts, exemplars_of, process_facts
from fastgw.server.workers import WorkerProcess
from fastgw.telemetry.totals import WorkerFacts
from tests.support.certificates import Authority

TEXT = """
admin: {address: "127.0.0.1:0", ADMIN}
listeners:
  - {name: plain, address: "127.0.0.1:0"}
  - {name: secure, address: "127.0.0.2:0", tls: {certificates: [{cert: CERT, key: KEY}]}}
routes: [{path: /*, service: main}]
services: {main: {endpoints: ["127.0.0.1:1"]}}
"""


def test_a_certificate_is_told_as_it_was_when_it_was_read(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.pair("edge", "edge.test", days=10)
    file = tmp_path / "gateway.yaml"
    text = TEXT.replace("CERT", cert).replace("KEY", key)
    file.write_text(text.replace(", ADMIN", ""))
    gateway = Gateway(str(file), None, {}, [])
    assert certificate_facts(gateway) == []
    gateway.adopt(gateway.plan(gateway.load()))
    [told] = certificate_facts(gateway)
    assert (told.listener, told.file) == ("secure", cert)
    assert abs(told.ends - time.time() - 10 * 86400) < 60
    authority.pair("edge", "edge.test", days=90)
    assert certificate_facts(gateway) == [told]
    gateway.adopt(gateway.plan(gateway.load()))
    assert certificate_facts(gateway)[0].ends > told.ends + 70 * 86400
    file.write_text(text.replace("ADMIN", f"tls: {{cert: {cert}, key: {key}}}"))
    gateway.adopt(gateway.plan(gateway.load()))
    assert [(one.listener, one.file) for one in certificate_facts(gateway)] == [("secure", cert), (ADMIN, cert)]
    gateway.close()


def test_processes_are_told_as_the_kernel_knows_them() -> None:
    gone = 2**22 + 1  # beyond the numbers that Linux gives
    workers = [WorkerFacts(0, os.getppid(), "ready", 0, 0, 1), WorkerFacts(1, gone, "ready", 0, 0, 1)]
    workers.append(WorkerFacts(2, 0, "dead", 0, 0, 1))
    told = {one.name: one for one in process_facts(workers)}
    assert set(told) == {"supervisor", "0"}
    here = told["supervisor"]
    assert 0 < here.cpu <= time.process_time() + 1
    assert 0 < time.time() - here.started < 86400
    assert here.virtual > here.resident > 1 << 20
    assert here.open_files is not None and here.max_files == os.sysconf("SC_OPEN_MAX")
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(10)]
    more = process_facts([])[0].open_files
    for one in held:
        os.close(one)
    assert more == here.open_files + 10


def test_exemplars_of_all_workers_are_told_by_route(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    plain = "".join(line for line in TEXT.splitlines(keepends=True) if "secure" not in line)
    file.write_text(plain.replace("path: /*", "name: all, path: /*"))
    gateway = Gateway(str(file), None, {}, [WorkerProcess(0), WorkerProcess(1)])
    assert exemplars_of(gateway) == {}
    gateway.adopt(gateway.plan(gateway.load()))
    assert gateway.current is not None
    base = ROUTE.base(gateway.current.slots.routes["all"])
    for worker in gateway.workers:
        Exemplars(worker.slab.values).keep(base, 0.5, bytes([worker.index]) * 16, 1e9)
    told = exemplars_of(gateway)
    assert set(told) == {"all"}
    assert sorted(one.trace for one in told["all"]) == ["00" * 16, "01" * 16]
    gateway.close()
    for worker in gateway.workers:
        worker.slab.close()

"""Logs: rotation by SIGUSR1, pipes that nobody reads, full disks; and signals that do nothing."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.processes import (
    REQUEST,
    Gateway,
    Service,
    admin_status,
    connect,
    events,
    get,
    reload,
    say,
    workers,
)
from tests.support.gateway import ROOT, GatewayProcess, simple_config, wait_until

pytestmark = pytest.mark.integration

LOST = "access log lines are lost"


def logging(address: str, path: Path | str, count: int = 1) -> str:
    listener = "filters: [log]"
    text = simple_config(address, workers=count, listener=listener)
    return text + f"filters: {{log: {{type: access_log, path: {path}, flush: 10ms}}}}\n"


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def send(running: GatewayProcess, path: Path, count: int = 1) -> None:
    """Make requests until the log has ``count`` lines."""
    for _ in range(count):
        get(running.port)
    wait_until(lambda: len(lines(path)) >= count, what=f"{path} has its lines")


def own(pids: list[int], path: Path) -> bool:
    """Has each process the file open that has this path now?"""
    wanted = str(path)
    return all(
        wanted in {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}
        for pid in pids
    )


class TestRotation:
    def test_usr1_opens_the_logs_of_all_workers_again(self, gateway: Gateway, service: Service, tmp_path: Path) -> None:
        path = tmp_path / "access.log"
        running = gateway(logging(service(say(b"hi")).address, path, 2))
        send(running, path)
        path.rename(tmp_path / "access.log.1")
        running.signal(signal.SIGUSR1)
        wait_until(lambda: path.exists() and own([worker["pid"] for worker in workers(running)], path))
        send(running, path)
        assert len(lines(tmp_path / "access.log.1")) == 1
        (line,) = events(running, "the workers open their logs again")
        assert (line["signal"], line["workers"], line["level"]) == ("SIGUSR1", 2, "info")
        assert running.generation() == 1

    def test_usr1_works_while_the_file_is_broken(self, gateway: Gateway, service: Service, tmp_path: Path) -> None:
        path = tmp_path / "access.log"
        running = gateway(logging(service(say(b"hi")).address, path))
        reload(running, "listeners: 3\n")
        path.unlink(missing_ok=True)
        running.signal(signal.SIGUSR1)
        wait_until(path.exists)
        send(running, path)

    def test_log_that_cannot_be_opened_again_stays(self, gateway: Gateway, service: Service, tmp_path: Path) -> None:
        folder = tmp_path / "logs"
        folder.mkdir()
        running = gateway(logging(service(say(b"hi")).address, folder / "access.log"))
        send(running, folder / "access.log")
        folder.rename(tmp_path / "moved")
        running.signal(signal.SIGUSR1)
        event = "a log cannot be opened again, the old file stays in use"
        (line,) = wait_until(lambda: events(running, event))
        assert line["path"] == f"{folder}/access.log" and "No such file" in line["error"]
        send(running, tmp_path / "moved" / "access.log", 2)

    @pytest.mark.needs("logrotate")
    def test_the_snippet_for_logrotate_rotates(self, gateway: Gateway, service: Service, tmp_path: Path) -> None:
        path = tmp_path / "log" / "access.log"
        path.parent.mkdir(mode=0o755)
        running = gateway(logging(service(say(b"hi")).address, path, 2))
        send(running, path)
        snippet = (ROOT / "deploy" / "fastgw.logrotate").read_text()
        (tmp_path / "rotate.conf").write_text(snippet.replace("/var/log/fastgw", str(path.parent)))
        (tmp_path / "systemctl").write_text(f"#!/bin/sh\necho {running.pid}\n")
        (tmp_path / "systemctl").chmod(0o755)
        subprocess.run(
            ["logrotate", "--force", "--state", str(tmp_path / "state"), str(tmp_path / "rotate.conf")],
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            check=True,
            capture_output=True,
            timeout=30,
        )
        wait_until(lambda: path.exists() and own([worker["pid"] for worker in workers(running)], path))
        send(running, path)
        assert len(lines(path.with_name("access.log.1"))) == 1
        assert path.stat().st_mode & 0o137 == 0


class TestSignals:
    def test_workers_survive_what_is_meant_for_the_supervisor(
        self, gateway: Gateway, service: Service, tmp_path: Path
    ) -> None:
        path = tmp_path / "access.log"
        running = gateway(logging(service(say(b"hi")).address, path))
        (worker,) = workers(running)
        for number in (signal.SIGUSR2, signal.SIGHUP, signal.SIGPIPE, signal.SIGINT, signal.SIGQUIT):
            os.kill(worker["pid"], number)
        path.rename(tmp_path / "moved")
        os.kill(worker["pid"], signal.SIGUSR1)
        wait_until(path.exists)
        send(running, path)
        assert [one["pid"] for one in workers(running)] == [worker["pid"]]

    @pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP])
    def test_a_signal_during_the_start_ends_nothing(self, gateway: Gateway, service: Service, number: int) -> None:
        running = gateway(simple_config(service(say(b"hi")).address), is_ready=False)
        status = Path(f"/proc/{running.pid}/status")
        blocked = 1 << (number - 1)

        def is_held() -> bool:
            (mask,) = (line for line in status.read_text().splitlines() if line.startswith("SigBlk"))
            return bool(int(mask.split()[1], 16) & blocked)

        wait_until(is_held)
        running.signal(number)
        running.wait_ready()
        assert get(running.port).endswith(b"hi")


class TestPipes:
    def test_reload_with_a_pipe_that_nobody_reads_is_refused(
        self, gateway: Gateway, service: Service, tmp_path: Path
    ) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        address = service(say(b"hi")).address
        running = gateway(simple_config(address))
        reload(running, logging(address, pipe))
        problem = running.admin("/status")["last_reload"]["error"]
        assert problem.endswith(
            f"filters.log: {pipe} cannot be opened for appending: it is a pipe or device that nobody reads"
        )
        assert get(running.port).endswith(b"hi")
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        reload(running, logging(address, pipe))
        get(running.port)
        wait_until(lambda: running.admin("/status")["generation"] > 1)
        assert select.select([reader], [], [], 20)[0] and json.loads(os.read(reader, 65536))["status"] == 200
        os.close(reader)

    def test_start_with_a_pipe_that_nobody_reads_is_refused(
        self, gateway: Gateway, service: Service, tmp_path: Path
    ) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        running = gateway(logging(service().address, pipe), is_ready=False)
        assert running.wait(15) == 1
        (line,) = running.read_log().splitlines()
        assert line.startswith("fastgw: cannot start: ") and "nobody reads" in line

    def test_pipe_whose_reader_sleeps_stops_nothing(self, gateway: Gateway, service: Service, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        address = service(say(b"hi")).address
        running = gateway(logging(address, pipe))
        with connect(running.port) as sock:
            sock.sendall(REQUEST * 400)  # more lines than the pipe holds
            received = 0
            while received < 400:
                received += sock.recv(65536).count(b"HTTP/1.1 200")
        began = time.monotonic()
        reload(running, simple_config(address))  # closes the log
        assert get(running.port).endswith(b"hi") and time.monotonic() - began < 4  # the file is closed later
        assert running.generation() > 1
        (line,) = wait_until(lambda: events(running, LOST), what="the lines left are told as lost")
        assert line["cause"] == "it took nothing for too long" and line["path"] == str(pipe)
        os.close(reader)


def test_full_disk_is_one_line_and_a_metric(gateway: Gateway, service: Service) -> None:
    running = gateway(logging(service(say(b"hi")).address, "/dev/full"))
    for _ in range(20):
        get(running.port)
    (line,) = wait_until(lambda: events(running, LOST))
    assert {"time", "level", "process", "pid"} <= set(line)
    assert (line["path"], line["cause"], line["level"]) == ("/dev/full", "No space left on device", "error")
    assert 1 <= line["count"] <= 20 and line["bytes"] > line["count"] * 100
    wait_until(lambda: "fastgw_access_log_lines_lost_total 20.0" in running.admin("/metrics"))
    assert len(events(running, LOST)) == 1
    assert admin_status(running, "/readyz")[0] == 200
    assert running.stop() == 0
    assert sum(one["count"] for one in events(running, LOST)) == 20

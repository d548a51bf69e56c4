"""Logs: rotation by SIGUSR1, pipes that nobody reads, full disks; and signals that do nothing."""

from __future__ import annotations

import json
import os
import re
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


def send_many(running: GatewayProcess, count: int, step: int = 100) -> None:
    """Make ``count`` requests over two connections at a time, so that each worker may have one."""
    for _ in range(0, count, step * 2):
        with connect(running.port) as one, connect(running.port) as other:
            for sock in (one, other):
                sock.sendall(REQUEST * step)
            for sock in (one, other):
                received = 0
                while received < step:
                    received += sock.recv(65536).count(b"HTTP/1.1 200")


class TestSize:
    def test_workers_rotate_one_file_and_lose_no_line(self, gateway: Gateway, service: Service, tmp_path: Path) -> None:
        path = tmp_path / "logs" / "access.log"
        path.parent.mkdir()
        text = logging(service(say(b"hi")).address, path, 2).replace(
            "flush: 10ms", "flush: 10ms, rotate: {size: 64KiB, keep: 50}"
        )
        running = gateway(text.replace("filters: [log]", "filters: [request_id, log]"))
        send_many(running, 600)
        running.signal(signal.SIGUSR1)
        path.rename(path.with_name("moved"))  # and somebody else, at the same time
        running.signal(signal.SIGUSR1)
        wait_until(lambda: path.exists() and own([worker["pid"] for worker in workers(running)], path))
        send_many(running, 600)
        reload(running, text.replace("filters: [log]", "filters: [request_id, log]") + "\n")
        send_many(running, 200)

        def found() -> list[str]:
            return [str(line["id"]) for one in path.parent.iterdir() for line in lines(one)]

        wait_until(lambda: len(found()) >= 1400)
        assert len(set(found())) == len(found()) == 1400
        names = {one.name for one in path.parent.iterdir()}
        assert {"access.log", "moved", "access.log.1", "access.log.2", "access.log.3"} <= names
        assert not events(running, LOST)

    def test_a_log_that_cannot_be_moved_grows_and_is_told(
        self, gateway: Gateway, service: Service, tmp_path: Path
    ) -> None:
        path = tmp_path / "access.log"
        text = logging(service(say(b"hi")).address, path)
        running = gateway(text.replace("flush: 10ms", "flush: 10ms, rotate: {size: 64KiB, keep: 1}"))
        (tmp_path / "access.log.1").mkdir()
        send_many(running, 400)
        (line,) = wait_until(lambda: events(running, "a log cannot be rotated, it grows beyond its size"))
        assert (line["path"], line["cause"], line["level"]) == (str(path), "Is a directory", "error")
        wait_until(lambda: len(lines(path)) == 400)
        assert not events(running, LOST)


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


FORMS = """filters:
  json: {type: access_log, path: $folder/json.log, flush: 10ms, fields: {agent: "${header.user-agent}"}}
  combined: {type: access_log, path: $folder/combined.log, flush: 10ms, format: combined}
  text: {type: access_log, path: $folder/text.log, flush: 10ms, template: '${request.line} ${response.status} ${route.name}'}
  some: {type: access_log, path: $folder/some.log, flush: 10ms, sample: 0%, always: {failed: [400]}}
"""


def test_one_exchange_in_each_form(gateway: Gateway, service: Service, tmp_path: Path) -> None:
    """What was refused too: all as the workers get it, from the file."""
    listener = "filters: [json, combined, text, some]"
    text = simple_config(service(say(b"hi")).address, workers=2, listener=listener)
    running = gateway(text + FORMS.replace("$folder", str(tmp_path)))
    get(running.port)
    with connect(running.port) as sock:
        sock.sendall(b'GET /"x HTTP/1.1\r\nUser-Agent: a b\r\nContent-Length: x\r\n\r\n')
        assert b" 400 " in sock.recv(65536)
    wait_until(lambda: all(len((tmp_path / f"{one}.log").read_bytes().splitlines()) == 2 for one in ("json", "text")))
    wait_until(lambda: lines(tmp_path / "some.log"))
    served, refused = sorted(lines(tmp_path / "json.log"), key=lambda one: int(str(one["status"])))
    assert (served["status"], refused["status"], refused["path"], refused["agent"]) == (200, 400, '/"x', "a b")
    (line,) = lines(tmp_path / "some.log")
    assert line["status"] == 400 and "sampled" not in line
    text_lines = sorted((tmp_path / "text.log").read_text().splitlines())
    assert text_lines[1].startswith("GET\\x20/\\x22x\\x20HTTP/1.1 400 ") and " 200 " in text_lines[0]
    combined = sorted((tmp_path / "combined.log").read_text().splitlines())
    assert all(line.startswith("127.0.0.1 - - [") for line in combined) and combined[0] != combined[1]
    assert sum(line.endswith(' "-" "a b"') for line in combined) == 1


def test_the_journal_gets_the_level_of_each_line(gateway: Gateway, service: Service, tmp_path: Path) -> None:
    """Those of workers too; systemd says that stderr is its journal by the device and the inode."""
    log = tmp_path / "gateway-0" / "gateway.log"
    log.parent.mkdir()
    log.touch()
    state = log.stat()
    environment = {"JOURNAL_STREAM": f"{state.st_dev}:{state.st_ino}"}
    running = gateway(simple_config(service(say(b"hi")).address), environment=environment)
    with connect(running.port) as sock:
        sock.sendall(b"nonsense\r\n\r\n")
        assert b" 400 " in sock.recv(65536)
    running.write_config("listeners: 3\n")
    running.signal(signal.SIGHUP)
    wait_until(lambda: "is refused" in running.read_log())
    told = [line for line in running.read_log().splitlines() if line.startswith("<")]
    levels = {line[:3]: json.loads(line[3:])["level"] for line in told}
    assert levels == {"<6>": "info", "<3>": "error"}
    assert not [line for line in running.read_log().splitlines() if line.startswith("{")]
    assert [line for line in told if '"worker 0"' in line and "a request was refused" in line]


def can_mount() -> bool:
    """Can we have a file system of our own?"""
    mount = ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"]
    try:
        return subprocess.run(mount, capture_output=True, timeout=10, check=False).returncode == 0
    except OSError:
        return False


class OnSmallDisk(GatewayProcess):
    """A gateway that sees 64 KiB of a disk of its own at ``/mnt``."""

    def command(self) -> list[str]:
        """The disk first."""
        mount = 'mount -t tmpfs -o size=64k tmpfs /mnt && exec "$@"'
        return ["unshare", "-rm", "sh", "-c", mount, "sh", *super().command()]


@pytest.mark.needs("unshare")
def test_a_disk_that_is_full_and_then_is_not(gateway: Gateway, service: Service) -> None:
    """The gateway serves on, tells it once and counts; and tells when there is room again."""
    if not can_mount():
        pytest.skip("no file system can be mounted here")
    running = gateway(logging(service(say(b"hi")).address, "/mnt/access.log"), kind=OnSmallDisk)
    path = Path(f"/proc/{running.pid}/root/mnt/access.log")
    send_many(running, 400)
    (line,) = wait_until(lambda: events(running, LOST))
    assert (line["path"], line["cause"]) == ("/mnt/access.log", "No space left on device")
    assert get(running.port).endswith(b"hi") and admin_status(running, "/readyz")[0] == 200

    def whole() -> int:
        return len(path.read_bytes().rpartition(b"\n")[0].splitlines())

    def lost() -> int:
        (found,) = re.findall(r"^fastgw_access_log_lines_lost_total (\d+)", running.admin("/metrics"), re.MULTILINE)
        return int(found)

    wait_until(lambda: whole() + lost() == 401, what="each line is there, or counted")
    assert 100 < whole() < 400
    os.truncate(path, 0)
    get(running.port)
    wait_until(lambda: path.read_bytes().endswith(b"}\n"), what="there is room again")
    count = lost()
    assert running.stop() == 0
    assert events(running, "the access log is written again")
    assert sum(int(one["count"]) for one in events(running, LOST)) == count
